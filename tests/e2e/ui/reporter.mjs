// One line of JSON for each flow: its name, and what went wrong or null.
export default async function* report(source) {
  for await (const event of source) {
    if (event.type === "test:pass" || event.type === "test:fail") {
      const { name, details } = event.data;
      const cause = details.error?.cause ?? details.error;
      const error = event.type === "test:pass" ? null : String(cause?.stack ?? cause ?? "failed");
      yield `${JSON.stringify({ flow: name, error, ms: Math.round(details.duration_ms) })}\n`;
    } else if (event.type === "test:stderr" || event.type === "test:stdout") {
      yield event.data.message;
    }
  }
}
