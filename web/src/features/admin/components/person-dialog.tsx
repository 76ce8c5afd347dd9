/** What is asked before something that reaches far is done to a person: a new password, signing out, deletion. */
import { Button, Modal, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { noticeDone } from "@/ui/feedback/notices";
import { ProblemNotice } from "@/ui/feedback/problem-notice";

import { useDeletePerson, useResetPassword, useRevokeKeys } from "../queries";
import { SecretNotice } from "./secret-notice";

export type PersonAct = "password" | "signOut" | "delete";

export interface PersonDialogProps {
  readonly act: PersonAct;
  readonly person: { readonly id: string; readonly name: string };
  readonly onClose: () => void;
}

const WORDS = {
  password: {
    title: "admin:people.resetPassword",
    text: "admin:people.resetPasswordText",
    go: "admin:people.resetPassword",
  },
  signOut: { title: "admin:people.signOut", text: "admin:people.signOutText", go: "admin:people.signOut" },
  delete: { title: "admin:people.delete", text: "admin:people.deleteText", go: "admin:people.deleteForEver" },
} as const;

export function PersonDialog({ act, person, onClose }: PersonDialogProps) {
  const { t } = useTranslation("admin");
  const ui = useTranslation("ui").t;
  const reset = useResetPassword();
  const revoke = useRevokeKeys();
  const end = useDeletePerson();
  const [typed, setTyped] = useState("");
  const words = WORDS[act];
  const asked = { password: reset, signOut: revoke, delete: end }[act];
  const handleGo = () => {
    if (act === "password") reset.mutate(person.id);
    if (act === "signOut")
      revoke.mutate(person.id, {
        onSuccess: (done) => {
          noticeDone(t("people.signedOut", { name: person.name, count: done.num_revoked }));
          onClose();
        },
      });
    if (act === "delete")
      end.mutate(person.id, {
        onSuccess: () => {
          noticeDone(t("people.deleted", { name: person.name }));
          onClose();
        },
      });
  };
  return (
    <Modal opened onClose={onClose} title={t(words.title)} closeButtonProps={{ "aria-label": ui("close") }}>
      <Stack>
        {asked.isError && <ProblemNotice error={asked.error} />}
        {reset.isSuccess ? (
          <>
            <SecretNotice name={person.name} secret={reset.data.password} />
            <Button onClick={onClose}>{t("people.done")}</Button>
          </>
        ) : (
          <>
            <Text>{t(words.text, { name: person.name })}</Text>
            {act === "delete" && (
              <TextInput
                label={t("people.typeName", { name: person.name })}
                autoComplete="off"
                value={typed}
                onChange={(event) => setTyped(event.currentTarget.value)}
              />
            )}
            <Button
              {...(act === "delete" ? { color: "shu" } : {})}
              disabled={act === "delete" && typed !== person.name}
              loading={asked.isPending}
              onClick={handleGo}
            >
              {t(words.go)}
            </Button>
          </>
        )}
      </Stack>
    </Modal>
  );
}
