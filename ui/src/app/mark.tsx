/** The hallmark: a cut-corner punch with the letter in it. */
export function Mark({ className }: { className?: string }) {
  return (
    <svg viewBox="0 0 32 32" className={className} aria-hidden>
      <path d="M8 3h16l5 5v16l-5 5H8l-5-5V8z" fill="var(--accent)" />
      <path
        d="M9.500 23 16 8.500 22.500 23M12.200 18h7.600"
        fill="none"
        stroke="#fff"
        strokeWidth="2.600"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  );
}
