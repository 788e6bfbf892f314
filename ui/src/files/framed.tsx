import { useState } from "react";
import { Button } from "@/design/button";

const GUARD =
  "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">";

/**
 * A page that a run made, as its source; and drawn, when somebody asks, in a frame of no origin in which no
 * script runs and nothing is loaded.
 */
export function Framed({ html, label }: { html: string; label: string }) {
  const [drawn, setDrawn] = useState(false);
  return (
    <div className="overflow-hidden rounded-lg border border-line bg-surface">
      <div className="flex items-center gap-2 border-b border-line px-4 py-2 text-xs text-ink-3">
        <span className="flex-1">
          {drawn ? "Drawn without scripts, alone in a frame." : "HTML, shown as its source."}
        </span>
        <Button size="sm" onClick={() => setDrawn(!drawn)}>
          {drawn ? "Show the source" : "Draw it"}
        </Button>
      </div>
      {drawn ? (
        <iframe title={label} sandbox="" srcDoc={GUARD + inert(html)} className="h-96 w-full bg-[#fff]" />
      ) : (
        <pre className="max-h-[32rem] overflow-auto p-4 font-mono text-xs leading-5 whitespace-pre-wrap">
          {html}
        </pre>
      )}
    </div>
  );
}

/** Without what would be refused anyway, so that the refusals do not fill the console. */
function inert(html: string): string {
  // Handlers go first: even a document that is never shown reports them.
  const quiet = html.replace(/([\s"'/])on[a-z]+\s*=/gi, "$1data-was=");
  const parsed = new DOMParser().parseFromString(quiet, "text/html");
  for (const each of parsed.querySelectorAll("script, iframe, object, embed, link, meta, base, form"))
    each.remove();
  for (const each of parsed.querySelectorAll("*")) {
    for (const { name, value } of [...each.attributes]) {
      const acts = /^on/i.test(name) || name === "style" || /^\s*(javascript|https?|\/\/)/i.test(value);
      if (acts || ((name === "src" || name === "srcset") && !/^data:image\//i.test(value)))
        each.removeAttribute(name);
    }
  }
  for (const each of parsed.querySelectorAll("style")) each.remove();
  return parsed.body.innerHTML;
}
