import { Fragment, type ReactNode } from "react";

/**
 * The common part of Markdown as elements: no HTML of the text ever becomes HTML of the page, links lead to
 * http and https only, and pictures are not loaded.
 */
export function Markdown({ text }: { text: string }) {
  return <div className="space-y-3 leading-6 break-words">{blocks(text)}</div>;
}

const HEADING = [
  "text-lg font-semibold",
  "text-base font-semibold",
  "text-sm font-semibold",
  "text-sm font-medium",
];

function blocks(text: string): ReactNode[] {
  const lines = text.replace(/\r\n?/g, "\n").split("\n");
  const out: ReactNode[] = [];
  let at = 0;
  const takeWhile = (wanted: (line: string) => boolean): string[] => {
    const from = at;
    while (at < lines.length && wanted(lines[at]!)) at += 1;
    return lines.slice(from, at);
  };
  while (at < lines.length) {
    const line = lines[at]!;
    const key = at;
    if (!line.trim()) at += 1;
    else if (line.startsWith("```")) {
      at += 1;
      const code = takeWhile((each) => !each.startsWith("```"));
      at += 1;
      out.push(<Code key={key} text={code.join("\n")} />);
    } else if (/^#{1,6}\s/.test(line)) {
      const level = /^#+/.exec(line)![0].length;
      at += 1;
      out.push(
        <p
          key={key}
          role="heading"
          aria-level={Math.min(6, level + 2)}
          className={HEADING[Math.min(level, 4) - 1]}
        >
          {inline(line.replace(/^#+\s+/, ""))}
        </p>,
      );
    } else if (/^\s*([-*+]|\d+[.)])\s/.test(line)) {
      const ordered = /^\s*\d/.test(line);
      const items = takeWhile((each) => /^\s*([-*+]|\d+[.)])\s/.test(each));
      const List = ordered ? "ol" : "ul";
      out.push(
        <List key={key} className={ordered ? "list-decimal space-y-1 pl-6" : "list-disc space-y-1 pl-6"}>
          {items.map((item, index) => (
            <li key={index}>{inline(item.replace(/^\s*([-*+]|\d+[.)])\s+/, ""))}</li>
          ))}
        </List>,
      );
    } else if (line.startsWith(">")) {
      const quoted = takeWhile((each) => each.startsWith(">")).map((each) => each.replace(/^>\s?/, ""));
      out.push(
        <blockquote key={key} className="border-l-2 border-line-strong pl-3 text-ink-2">
          {inline(quoted.join(" "))}
        </blockquote>,
      );
    } else if (/^\s*(-{3,}|\*{3,})\s*$/.test(line)) {
      at += 1;
      out.push(<hr key={key} className="border-line" />);
    } else {
      const words = takeWhile(
        (each) => Boolean(each.trim()) && !/^(```|#{1,6}\s|>|\s*([-*+]|\d+[.)])\s)/.test(each),
      );
      if (words.length === 0) words.push(lines[at++]!);
      out.push(<p key={key}>{inline(words.join("\n"))}</p>);
    }
  }
  return out;
}

const Code = ({ text }: { text: string }) => (
  <pre className="overflow-x-auto rounded-md border border-line bg-sunken p-3 font-mono text-xs leading-5">
    {text}
  </pre>
);

const MARKS = /(`[^`]+`|\*\*[^*]+\*\*|\*[^*\s][^*]*\*|\[[^\]]*\]\([^)\s]+\))/;

function inline(text: string): ReactNode[] {
  return text.split(MARKS).map((part, index) => {
    if (part.startsWith("`") && part.length > 1) {
      return (
        <code key={index} className="rounded bg-sunken px-1 font-mono text-[0.92em]">
          {part.slice(1, -1)}
        </code>
      );
    }
    if (part.startsWith("**") && part.length > 3) return <strong key={index}>{part.slice(2, -2)}</strong>;
    if (part.startsWith("*") && part.length > 2) return <em key={index}>{part.slice(1, -1)}</em>;
    const link = /^\[([^\]]*)\]\(([^)\s]+)\)$/.exec(part);
    if (link && /^https?:\/\//i.test(link[2]!)) {
      return (
        <a
          key={index}
          href={link[2]}
          target="_blank"
          rel="noreferrer noopener"
          className="text-accent-ink underline"
        >
          {link[1]}
        </a>
      );
    }
    return <Fragment key={index}>{part}</Fragment>;
  });
}
