import { Link, useRouter } from "@tanstack/react-router";
import { Button, ButtonLink } from "@/design/button";
import { Empty, Failure } from "@/design/states";

/** What is left of a page that threw: the shell stays, and there is a way on. */
export function Crash({ error }: { error: unknown }) {
  const router = useRouter();
  return (
    <div className="px-4 py-8 sm:px-8">
      <h1 className="text-xl font-semibold">This page could not be drawn</h1>
      <Failure error={error} />
      <div className="flex gap-2">
        <Button onClick={() => void router.invalidate()}>Try again</Button>
        <ButtonLink to="/" variant="ghost">
          Home
        </ButtonLink>
      </div>
    </div>
  );
}

export function NotFound() {
  return (
    <Empty title="There is no such page" className="mt-[12vh]">
      <p>
        The address may have been cut, or what it named may have been moved. Start at{" "}
        <Link to="/" className="text-accent-ink underline">
          Home
        </Link>
        , or press <kbd>Ctrl K</kbd> to search.
      </p>
    </Empty>
  );
}
