import type { FormEvent, InputHTMLAttributes, ReactNode } from "react";
import { Button } from "@/design/button";
import { Modal } from "@/design/dialog";
import { Field, Input } from "@/design/field";
import { Failure } from "@/design/states";

/** A line of text with its label, whose text somebody else keeps. */
export function TextField({
  label,
  help,
  value,
  onValue,
  ...rest
}: { label: string; help?: string; value: string; onValue: (value: string) => void } & Pick<
  InputHTMLAttributes<HTMLInputElement>,
  "type" | "placeholder" | "maxLength" | "autoFocus" | "className"
>) {
  return (
    <Field label={label} help={help}>
      {(props) => (
        <Input {...props} {...rest} value={value} onChange={(event) => onValue(event.target.value)} />
      )}
    </Field>
  );
}

interface Doing {
  isPending: boolean;
  error: unknown;
  mutate: () => void;
}

/** A dialog that makes something new of a few fields; a refusal stands below them. */
export function NewDialog({
  title,
  note,
  action,
  isComplete,
  doing,
  onClose,
  width,
  children,
}: {
  title: string;
  note?: string;
  /** What the button says. */
  action: string;
  isComplete: boolean;
  doing: Doing;
  onClose: () => void;
  width?: "sm";
  children: ReactNode;
}) {
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    if (isComplete && !doing.isPending) doing.mutate();
  };
  return (
    <Modal
      open
      onClose={onClose}
      width={width}
      title={title}
      note={note}
      footer={
        <Button variant="primary" busy={doing.isPending} disabled={!isComplete} onClick={doing.mutate}>
          {action}
        </Button>
      }
    >
      <form onSubmit={onSubmit} className="space-y-3">
        {children}
        {doing.error ? <Failure compact error={doing.error} /> : null}
        {/* Enter submits a form of several fields only where it has a button of its own. */}
        <button type="submit" hidden />
      </form>
    </Modal>
  );
}

/** A form over what a workspace holds: saved as a whole, or put back to what is usual. */
export function HeldForm({
  held,
  isAllowed,
  isPending,
  onSave,
  onUsual,
  children,
}: {
  /** What is held now; when it changes, the fields begin anew. */
  held: unknown;
  isAllowed: boolean;
  isPending: boolean;
  onSave: (given: FormData) => void;
  onUsual: () => void;
  children: ReactNode;
}) {
  const onSubmit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    onSave(new FormData(event.currentTarget));
  };
  return (
    <form key={JSON.stringify(held)} onSubmit={onSubmit} className="space-y-4">
      {children}
      {isAllowed ? (
        <div className="flex gap-2">
          <Button type="submit" busy={isPending}>
            Save
          </Button>
          <Button variant="ghost" onClick={onUsual}>
            Back to the usual
          </Button>
        </div>
      ) : null}
    </form>
  );
}
