/** What went wrong at the OpenID provider, in words; said once, since the address forgets it. */
import { Alert } from "@mantine/core";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";

import { signInProblemIn, withoutSignInProblem } from "../model/sign-in-problem";

const TEXTS = {
  refused: "accounts:openid.refused",
  not_allowed: "accounts:openid.notAllowed",
  too_many: "accounts:openid.tooMany",
  unavailable: "accounts:openid.unavailable",
} as const;

export function SignInProblemNotice() {
  const { t } = useTranslation("accounts");
  const [problem, setProblem] = useState(() => signInProblemIn(window.location.search));
  useEffect(() => {
    if (problem === null) return;
    const { pathname, search } = window.location;
    window.history.replaceState(window.history.state, "", withoutSignInProblem(pathname, search));
  }, [problem]);
  if (problem === null) return null;
  return (
    <Alert
      color="shu"
      title={t("openid.failed")}
      role="alert"
      withCloseButton
      closeButtonLabel={t("openid.close")}
      onClose={() => setProblem(null)}
    >
      {t(TEXTS[problem])}
    </Alert>
  );
}
