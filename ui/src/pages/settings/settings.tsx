import { useQuery } from "@tanstack/react-query";
import { Link, useSearch } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import * as queries from "@/api/queries";
import { chooseTheme, useTheme } from "@/app/theme";
import { Badge } from "@/design/badge";
import { Card, Fact, Facts } from "@/design/card";
import { Segmented } from "@/design/field";
import { Page, Tabs, tabClass } from "@/design/page";
import { Snippet } from "@/design/snippet";
import { Failure, SkeletonRows } from "@/design/states";
import { GateRules } from "./gate-rules";
import { Principals } from "./principals";
import { Sources } from "./sources";
import { Storage } from "./storage";
import { Tokens } from "./tokens";
import { Webhooks } from "./webhooks";
import { Workspaces } from "./workspaces";

const TABS = [
  [undefined, "Workspaces"],
  ["sources", "Lineage and health"],
  ["gates", "Gates"],
  ["principals", "Members"],
  ["tokens", "Tokens"],
  ["webhooks", "Webhooks"],
  ["storage", "Storage"],
  ["you", "You"],
] as const;

export default function SettingsPage() {
  const { tab } = useSearch({ from: "/settings" });
  const me = useQuery(queries.whoami()).data;
  const here = useRef<HTMLAnchorElement>(null);
  // On a narrow screen the tabs are wider than the page.
  useEffect(() => {
    if (tab) here.current?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [tab]);
  const may = (action: string) => me?.actions.includes(action) ?? false;
  return (
    <Page
      title="Settings"
      tabs={
        <Tabs label="Settings">
          {TABS.map(([value, label]) => (
            <Link
              key={label}
              ref={tab === value ? here : undefined}
              to="/settings"
              search={{ tab: value }}
              aria-current={tab === value ? "page" : undefined}
              className={tabClass(tab === value)}
            >
              {label}
            </Link>
          ))}
        </Tabs>
      }
    >
      {tab === "you" ? (
        <You />
      ) : tab === "sources" ? (
        <Sources may={may} />
      ) : tab === "gates" ? (
        <GateRules may={may} />
      ) : tab === "principals" ? (
        <Principals may={may} />
      ) : tab === "tokens" ? (
        <Tokens may={may} />
      ) : tab === "webhooks" ? (
        <Webhooks may={may} />
      ) : tab === "storage" ? (
        me ? (
          <Storage isAllowed={may("storage.read")} />
        ) : (
          <SkeletonRows />
        )
      ) : (
        <Workspaces may={may} />
      )}
    </Page>
  );
}

function You() {
  const { data, error, isPending } = useQuery(queries.whoami());
  const theme = useTheme();
  if (isPending) return <SkeletonRows />;
  if (error) return <Failure error={error} />;
  return (
    <div className="space-y-5">
      <Card title="You">
        <Facts>
          <Fact name="Name">
            {data.kind === "local" ? "Local owner: everyone on this machine" : data.name}
          </Fact>
          <Fact name="Roles">
            <span className="flex flex-wrap gap-1.5">
              {Object.entries(data.roles).flatMap(([place, roles]) =>
                roles.map((role) => (
                  <Badge key={`${place} ${role}`}>
                    {role}
                    {place === "*" ? ", everywhere" : ` in ${place}`}
                  </Badge>
                )),
              )}
            </span>
          </Fact>
          <Fact name="Theme">
            <Segmented
              label="Theme"
              value={theme}
              onValue={chooseTheme}
              options={[
                { value: "light", label: "Light" },
                { value: "dark", label: "Dark" },
              ]}
            />
          </Fact>
          <Fact name="Server">Assay {data.server_version}</Fact>
        </Facts>
      </Card>
      <Card title="Point a client here">
        <Snippet
          text={`export MLFLOW_TRACKING_URI=${window.location.origin}   # an unmodified mlflow client\nexport WANDB_BASE_URL=${window.location.origin}        # an unmodified wandb client; WANDB_API_KEY is a token\nexport ASSAY_URL=${window.location.origin}             # the assay command and library`}
        />
      </Card>
    </div>
  );
}
