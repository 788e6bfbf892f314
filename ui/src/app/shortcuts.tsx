import { Modal } from "@/design/dialog";

const GROUPS: [string, [string, string][]][] = [
  [
    "Anywhere",
    [
      ["Ctrl K", "Search and jump"],
      ["/", "Go to the filter of the page"],
      ["?", "This list"],
      ["T", "Light or dark"],
    ],
  ],
  [
    "Go to",
    [
      ["G H", "Home"],
      ["G E", "Experiments"],
      ["G C", "Collections"],
      ["G M", "Models"],
      ["G G", "Gates"],
      ["G L", "Ledger"],
      ["G S", "Settings"],
    ],
  ],
  [
    "Runs",
    [
      ["↑ ↓", "Move between rows"],
      ["Space", "Select the row"],
      ["Enter", "Open the run"],
      ["V", "Show or hide its curve"],
      ["B", "Make it the baseline"],
      ["P", "Pin it to the top"],
      ["M", "Its menu: colour and more"],
      ["C", "Compare what is selected"],
    ],
  ],
];

export default function Shortcuts({ onClose }: { onClose: () => void }) {
  return (
    <Modal open onClose={onClose} title="Keyboard shortcuts" width="lg">
      <div className="grid gap-6 sm:grid-cols-3">
        {GROUPS.map(([title, keys]) => (
          <section key={title}>
            <h3 className="mb-2 text-xs font-medium text-ink-3">{title}</h3>
            <dl className="space-y-1.5">
              {keys.map(([key, what]) => (
                <div key={key} className="flex items-center justify-between gap-3">
                  <dd>{what}</dd>
                  <dt>
                    <kbd className="rounded border border-line bg-sunken px-1.5 py-0.5 font-sans text-2xs text-ink-2">
                      {key}
                    </kbd>
                  </dt>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Modal>
  );
}
