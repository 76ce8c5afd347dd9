/** Name and password, or the OpenID provider; before there is an administrator, the code that the server printed. */
import { Button, Card, Center, Divider, PasswordInput, Stack, Text, TextInput, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type SubmitEvent, useState } from "react";
import { useTranslation } from "react-i18next";

import { ProblemNotice } from "@/ui/feedback/problem-notice";

import { accountQueries, OPENID_SIGN_IN, useFirstAdmin, useSignIn } from "../queries";
import { SignInProblemNotice } from "./sign-in-problem-notice";

export function SignInForm() {
  const { t } = useTranslation("accounts");
  const studio = useQuery(accountQueries.studio());
  const signIn = useSignIn();
  const firstAdmin = useFirstAdmin();
  const isFirst = studio.data?.needs_first_admin === true;
  const openid = studio.data?.openid_title ?? null;
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const error = firstAdmin.error ?? signIn.error;

  const handleSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    const enter = () => signIn.mutate({ name, password });
    if (isFirst) firstAdmin.mutate({ name, password, setup_code: code }, { onSuccess: enter });
    else enter();
  };
  return (
    <Center mih="60vh">
      <Card w={360} maw="100%" padding="xl" component="form" onSubmit={handleSubmit}>
        <Stack>
          <Title order={1} size="h3">
            {t(isFirst ? "first.title" : "signIn.title")}
          </Title>
          {isFirst && <Text size="sm">{t("first.text")}</Text>}
          {/* What was refused last is what counts: an earlier refusal at the provider goes. */}
          {error === null ? <SignInProblemNotice /> : <ProblemNotice error={error} />}
          <TextInput
            label={t("name")}
            autoComplete="username"
            required
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <PasswordInput
            visibilityToggleButtonProps={{ "aria-label": t("password.show") }}
            label={t("password")}
            autoComplete={isFirst ? "new-password" : "current-password"}
            required
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
          />
          {isFirst && (
            <TextInput
              label={t("first.code")}
              autoComplete="off"
              required
              value={code}
              onChange={(event) => setCode(event.currentTarget.value)}
            />
          )}
          <Button type="submit" loading={signIn.isPending || firstAdmin.isPending}>
            {t(isFirst ? "first.create" : "signIn.enter")}
          </Button>
          {openid !== null && !isFirst && (
            <>
              <Divider label={t("signIn.or")} />
              <Button component="a" href={OPENID_SIGN_IN} variant="default">
                {t("signIn.with", { provider: openid })}
              </Button>
            </>
          )}
          {!isFirst && (
            <Text size="xs" c="dimmed">
              {t("signIn.lost")}
            </Text>
          )}
        </Stack>
      </Card>
    </Center>
  );
}
