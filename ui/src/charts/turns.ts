import { useEffect, useState } from "react";

const waiting: (() => void)[] = [];
let isRunning = false;
let heldUntilMs = 0;

/** Gives nobody a turn for so long: what rushes past is not worth drawing. */
export const holdTurns = (ms: number): void => {
  heldUntilMs = performance.now() + ms;
};

function next(): void {
  if (performance.now() >= heldUntilMs) waiting.shift()?.();
  if (waiting.length > 0) requestAnimationFrame(next);
  else isRunning = false;
}

/**
 * False at first, true when it is this component's turn: one of them in each frame. Charts that come into view
 * together are drawn one after another, and scrolling goes on between them.
 */
export function useTurn(): boolean {
  const [isOn, setIsOn] = useState(false);
  useEffect(() => {
    const turn = () => setIsOn(true);
    waiting.push(turn);
    if (!isRunning) {
      isRunning = true;
      requestAnimationFrame(next);
    }
    return () => {
      const at = waiting.indexOf(turn);
      if (at >= 0) waiting.splice(at, 1);
    };
  }, []);
  return isOn;
}
