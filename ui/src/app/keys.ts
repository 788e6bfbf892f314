import { useEffect, useEffectEvent } from "react";

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

/**
 * Calls what belongs to a key. `Mod+K` is Ctrl or Command; `g h` is one key after the other; a single letter
 * does nothing while something is being typed.
 */
export function useKeys(bindings: Record<string, () => void>): void {
  const handle = useEffectEvent((event: KeyboardEvent, before: string): string => {
    const mod = event.ctrlKey || event.metaKey;
    const name = mod ? `Mod+${event.key.toUpperCase()}` : event.key;
    if (event.altKey || (!mod && isTyping(event.target))) return "";
    const action = bindings[`${before} ${name}`] ?? bindings[name];
    if (action) {
      event.preventDefault();
      action();
      return "";
    }
    return name;
  });
  useEffect(() => {
    let before = "";
    let beforeAt = 0;
    const listen = (event: KeyboardEvent) => {
      if (event.defaultPrevented) return;
      before = handle(event, event.timeStamp - beforeAt < 1200 ? before : "");
      beforeAt = event.timeStamp;
    };
    window.addEventListener("keydown", listen);
    return () => window.removeEventListener("keydown", listen);
  }, []);
}
