import { Pencil } from "lucide-react";
import { useState } from "react";
import { failed } from "@/app/toasts";
import { Button } from "./button";
import { Card } from "./card";
import { cx } from "./cx";
import { INPUT } from "./field";
import { Markdown } from "./markdown";

const takeFocus = (node: HTMLTextAreaElement | null): void => node?.focus();

/** A text in Markdown that people write about something, edited in place. */
export function NoteCard({
  title,
  text,
  placeholder,
  onSave,
}: {
  title: string;
  text: string;
  placeholder: string;
  /** Rejects when it was not kept; the text then stays in the editor. */
  onSave: (text: string) => Promise<unknown>;
}) {
  const [draft, setDraft] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const save = async () => {
    setBusy(true);
    try {
      await onSave((draft ?? "").trim());
      setDraft(null);
    } catch (error) {
      failed(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Card
      title={title}
      actions={
        draft === null ? (
          <Button size="sm" variant="ghost" onClick={() => setDraft(text)}>
            <Pencil /> {text ? "Edit" : "Write"}
          </Button>
        ) : (
          <>
            <Button size="sm" variant="ghost" onClick={() => setDraft(null)}>
              Cancel
            </Button>
            <Button size="sm" variant="primary" busy={isBusy} onClick={() => void save()}>
              Save
            </Button>
          </>
        )
      }
    >
      {draft === null ? (
        text ? (
          <Markdown text={text} />
        ) : (
          <p className="text-ink-3">{placeholder}</p>
        )
      ) : (
        <textarea
          ref={takeFocus}
          aria-label={title}
          value={draft}
          rows={Math.min(20, Math.max(4, draft.split("\n").length + 1))}
          maxLength={20_000}
          placeholder={`${placeholder} Markdown works.`}
          onChange={(event) => setDraft(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void save();
            if (event.key === "Escape") setDraft(null);
          }}
          className={cx(INPUT, "block w-full resize-y py-2 font-mono text-xs leading-5")}
        />
      )}
    </Card>
  );
}
