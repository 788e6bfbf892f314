import { type FormEvent, useState } from "react";
import { get, setToken } from "@/api/client";
import type { Whoami } from "@/api/types";
import { Button } from "@/design/button";
import { Field, Input } from "@/design/field";
import { Snippet } from "@/design/snippet";
import { messageOf } from "@/design/states";
import { Mark } from "./mark";

/** Shown when the server asks for a credential. The token stays in this tab. */
export function SignIn({ onDone, hadToken }: { onDone: () => void; hadToken: boolean }) {
  const [text, setText] = useState("");
  const [problem, setProblem] = useState<string | null>(hadToken ? "The token is no longer accepted." : null);
  const [busy, setBusy] = useState(false);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setToken(text.trim());
    try {
      await get<Whoami>("/whoami");
      onDone();
    } catch (error) {
      setToken(null);
      setProblem(messageOf(error));
    } finally {
      setBusy(false);
    }
  };

  return (
    <main className="flex min-h-full items-center justify-center p-4">
      <div className="w-full max-w-sm">
        <Mark className="size-9" />
        <h1 className="mt-4 text-xl font-semibold tracking-tight">Sign in to Assay</h1>
        <p className="mt-1 text-sm text-ink-2">This server knows people by their tokens.</p>
        <form onSubmit={submit} className="mt-5 space-y-4">
          <Field
            label="API token"
            error={problem}
            help="It stays in this tab and is forgotten when the tab is closed."
          >
            {(props) => (
              <Input
                {...props}
                type="password"
                autoFocus
                required
                value={text}
                onChange={(event) => setText(event.target.value)}
                className="h-9 font-mono"
              />
            )}
          </Field>
          <Button type="submit" variant="primary" busy={busy} className="h-9 w-full">
            Sign in
          </Button>
        </form>
        <div className="mt-8 space-y-2 text-xs text-ink-3">
          <p>No token yet? Whoever runs the server makes one:</p>
          <Snippet text="assay tokens create YOUR-NAME" />
        </div>
      </div>
    </main>
  );
}
