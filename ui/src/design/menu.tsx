import { Menu as BaseMenu } from "@base-ui/react/menu";
import { Popover as BasePopover } from "@base-ui/react/popover";
import type { ReactElement, ReactNode } from "react";
import { cx } from "./cx";

export const POPUP =
  "rounded-lg border border-line bg-raised p-1 shadow-high outline-none transition duration-100 data-ending-style:opacity-0 data-starting-style:opacity-0";

export function Menu({
  trigger,
  children,
  align = "end",
}: {
  trigger: ReactElement;
  children: ReactNode;
  align?: "start" | "end";
}) {
  return (
    <BaseMenu.Root>
      <BaseMenu.Trigger render={trigger as ReactElement<Record<string, unknown>>} />
      <BaseMenu.Portal>
        <BaseMenu.Positioner sideOffset={4} align={align} className="z-50 outline-none">
          <BaseMenu.Popup className={cx(POPUP, "min-w-44")}>{children}</BaseMenu.Popup>
        </BaseMenu.Positioner>
      </BaseMenu.Portal>
    </BaseMenu.Root>
  );
}

export function MenuItem({
  children,
  onSelect,
  danger,
  disabled,
  icon,
  note,
}: {
  children: ReactNode;
  onSelect: () => void;
  danger?: boolean;
  disabled?: boolean;
  icon?: ReactNode;
  note?: ReactNode;
}) {
  return (
    <BaseMenu.Item
      onClick={onSelect}
      disabled={disabled}
      className={cx(
        "flex min-h-8 cursor-default items-center gap-2 rounded-md px-2 text-sm outline-none select-none data-disabled:opacity-45 data-highlighted:bg-hover [&_svg]:size-3.5 [&_svg]:text-ink-3",
        danger && "text-bad [&_svg]:text-bad",
      )}
    >
      {icon}
      <span className="flex-1">{children}</span>
      {note ? <span className="text-xs text-ink-3">{note}</span> : null}
    </BaseMenu.Item>
  );
}

export const MenuLine = () => <BaseMenu.Separator className="my-1 h-px bg-line" />;

/** A panel below its trigger, for controls that stay open while they are used. */
export function Popover({
  trigger,
  children,
  align = "end",
  label,
  className,
}: {
  trigger: ReactElement;
  children: ReactNode;
  align?: "start" | "end" | "center";
  label: string;
  className?: string;
}) {
  return (
    <BasePopover.Root>
      <BasePopover.Trigger render={trigger as ReactElement<Record<string, unknown>>} />
      <BasePopover.Portal>
        <BasePopover.Positioner
          sideOffset={4}
          align={align}
          className="z-40 outline-none"
          collisionPadding={8}
        >
          <BasePopover.Popup aria-label={label} className={cx(POPUP, className)}>
            {children}
          </BasePopover.Popup>
        </BasePopover.Positioner>
      </BasePopover.Portal>
    </BasePopover.Root>
  );
}
