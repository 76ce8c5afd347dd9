/** Lets the page through when somebody is signed in, or the studio needs no sign-in; else asks. */
import { Center, Loader } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { Problem } from "@/api/problem";
import { ProblemNotice } from "@/ui/feedback/problem-notice";
import { lazily } from "@/ui/lazily";

import { accountQueries } from "../queries";
import { SignInProblemNotice } from "./sign-in-problem-notice";

const SignInForm = lazily(async () => (await import("./sign-in-form")).SignInForm);

export function SignInGate({ children }: { readonly children: ReactNode }) {
  const { t } = useTranslation("accounts");
  const me = useQuery(accountQueries.me());
  if (me.isSuccess) {
    return (
      <>
        <SignInProblemNotice />
        {children}
      </>
    );
  }
  if (me.error instanceof Problem && me.error.status === 401) return <SignInForm />;
  if (me.isError) return <ProblemNotice error={me.error} onRetry={() => void me.refetch()} />;
  return (
    <Center mih="40vh">
      <Loader aria-label={t("gate.waiting")} />
    </Center>
  );
}
