import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, apiPath, currentWorkspace } from "@/api/client";
import * as governance from "@/api/governance";
import { failed, said } from "@/app/toasts";
import { Card } from "@/design/card";
import { Field, Input } from "@/design/field";
import { HeldForm } from "./forms";

const HELP: Record<string, string> = {
  entropy_ratio: "Entropy has collapsed at this part of where it began",
  kl_factor: "KL has exploded at so many times where it began",
  kl_floor: "but not below this",
  kl_error: "Errors of the sampler's KL stay below this",
  reward_std: "A spread of rewards at or below this teaches nothing",
  zero_spread_share: "Share of groups without spread that counts as gone",
  reward_gain: "How much, relatively, a reward has risen",
  eval_drop: "How much, relatively, an eval has fallen",
  length_factor: "Completions blow up at so many times their length",
  truncated_share: "Share of completions cut off that counts",
};

/** When the detectors of RL health speak in this workspace. */
export function Thresholds({ isAllowed }: { isAllowed: boolean }) {
  const workspace = currentWorkspace();
  const { data } = useQuery(governance.thresholds(workspace));
  const client = useQueryClient();
  const put = useMutation({
    mutationFn: (thresholds: Record<string, number>) =>
      api("PUT", `${apiPath("workspaces", workspace)}/health-thresholds`, { body: { thresholds } }),
    onSuccess: () => said("The detectors look anew at what arrives from now on."),
    onError: failed,
    onSettled: () => client.invalidateQueries({ queryKey: ["health-thresholds", workspace] }),
  });
  if (!data) return null;
  const onSave = (given: FormData) =>
    put.mutate(Object.fromEntries(Object.keys(data).map((name) => [name, Number(given.get(name))])));
  return (
    <Card title="RL health" note="when detectors speak">
      <HeldForm
        held={data}
        isAllowed={isAllowed}
        isPending={put.isPending}
        onSave={onSave}
        onUsual={() => put.mutate({})}
      >
        <div className="grid gap-x-5 gap-y-3 sm:grid-cols-2">
          {Object.entries(data).map(([name, value]) => (
            <Field key={name} label={name.replaceAll("_", " ")} help={HELP[name]}>
              {(props) => (
                <Input
                  {...props}
                  name={name}
                  type="number"
                  step="any"
                  min="0"
                  required
                  disabled={!isAllowed}
                  defaultValue={value}
                />
              )}
            </Field>
          ))}
        </div>
      </HeldForm>
    </Card>
  );
}
