import { Menu } from "@base-ui/react/menu";
import { useNavigate } from "@tanstack/react-router";
import type { RefObject } from "react";
import { PALETTE } from "@/charts/colors";
import { cx } from "@/design/cx";
import { MenuItem, MenuLine, POPUP } from "@/design/menu";
import type { RunRow } from "./row";

/** Where the menu of a row was asked for. */
export interface MenuPlace {
  row: RunRow;
  left: number;
  top: number;
}

/** What can be done with one run of the table; one menu serves all rows. */
export function RowMenu({
  place,
  onClose,
  focus,
  isHidden,
  isPinned,
  isBaseline,
  color,
  onHide,
  onPin,
  onBaseline,
  onColor,
}: {
  place: MenuPlace | null;
  onClose: () => void;
  /** What has the focus once the menu is gone. */
  focus: RefObject<HTMLElement | null>;
  isHidden: boolean;
  isPinned: boolean;
  isBaseline: boolean;
  color: string | undefined;
  onHide: () => void;
  onPin: () => void;
  onBaseline: () => void;
  onColor: (slot: number | null) => void;
}) {
  const navigate = useNavigate();
  const row = place?.row;
  const anchor = place
    ? { getBoundingClientRect: () => DOMRect.fromRect({ x: place.left, y: place.top }) }
    : undefined;
  return (
    <Menu.Root open={place !== null} onOpenChange={(open) => !open && onClose()}>
      <Menu.Portal>
        <Menu.Positioner anchor={anchor} align="start" sideOffset={2} className="z-50 outline-none">
          <Menu.Popup
            finalFocus={focus}
            aria-label={row ? `Actions for ${row.name}` : undefined}
            className={cx(POPUP, "w-60")}
          >
            <MenuItem
              note="Enter"
              onSelect={() => row && void navigate({ to: "/runs/$runId", params: { runId: row.id } })}
            >
              Open the run
            </MenuItem>
            <MenuItem note="V" onSelect={onHide}>
              {isHidden ? "Show its curves" : "Hide its curves"}
            </MenuItem>
            <MenuItem note="P" onSelect={onPin}>
              {isPinned ? "Let it go from the top" : "Pin to the top"}
            </MenuItem>
            <MenuItem note="B" onSelect={onBaseline}>
              {isBaseline ? "No longer the baseline" : "Make it the baseline"}
            </MenuItem>
            <MenuItem onSelect={() => row && void navigator.clipboard?.writeText(row.id)}>
              Copy its id
            </MenuItem>
            <MenuLine />
            <div className="grid grid-cols-6 gap-1 p-1.5">
              {PALETTE.map((each, slot) => (
                <Menu.Item
                  key={each}
                  aria-label={`Colour ${slot + 1} of ${PALETTE.length}`}
                  onClick={() => onColor(slot)}
                  className={cx(
                    "flex h-7 items-center justify-center rounded-md outline-none data-highlighted:bg-hover",
                    each === color && "ring-2 ring-line-strong ring-inset",
                  )}
                >
                  <span className="size-3.5 rounded-full" style={{ background: each }} />
                </Menu.Item>
              ))}
            </div>
            <MenuItem onSelect={() => onColor(null)}>Its own colour again</MenuItem>
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  );
}
