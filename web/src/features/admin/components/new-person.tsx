/** An account for somebody: name, plan, and a password by chance to hand over. */
import { Button, Checkbox, Modal, Select, Stack, TextInput } from "@mantine/core";
import { type SubmitEvent, useState } from "react";
import { useTranslation } from "react-i18next";

import { ProblemNotice } from "@/ui/feedback/problem-notice";

import { useCreatePerson } from "../queries";
import { SecretNotice } from "./secret-notice";

export interface NewPersonProps {
  readonly plans: readonly string[];
  readonly onClose: () => void;
}

export function NewPerson({ plans, onClose }: NewPersonProps) {
  const { t } = useTranslation("admin");
  const ui = useTranslation("ui").t;
  const create = useCreatePerson();
  const [name, setName] = useState("");
  const [plan, setPlan] = useState(plans[0] ?? "free");
  const [isAdmin, setIsAdmin] = useState(false);
  const handleSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    create.mutate({ name, is_admin: isAdmin, plan_name: plan });
  };
  return (
    <Modal opened onClose={onClose} title={t("people.create")} closeButtonProps={{ "aria-label": ui("close") }}>
      {create.isSuccess ? (
        <Stack>
          <SecretNotice name={create.data.account.name} secret={create.data.password} />
          <Button onClick={onClose}>{t("people.done")}</Button>
        </Stack>
      ) : (
        <Stack component="form" onSubmit={handleSubmit}>
          {create.isError && <ProblemNotice error={create.error} />}
          <TextInput
            label={t("people.name")}
            description={t("people.nameHelp")}
            autoComplete="off"
            data-autofocus
            required
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          {plans.length > 1 && (
            <Select
              label={t("people.plan")}
              data={[...plans]}
              value={plan}
              onChange={(value) => setPlan(value ?? plan)}
            />
          )}
          <Checkbox
            label={t("people.asAdmin")}
            description={t("people.asAdminHelp")}
            checked={isAdmin}
            onChange={(event) => setIsAdmin(event.currentTarget.checked)}
          />
          <Button type="submit" loading={create.isPending}>
            {t("people.createNow")}
          </Button>
        </Stack>
      )}
    </Modal>
  );
}
