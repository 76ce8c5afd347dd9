/** Why signing in at the OpenID provider came to nothing: one word in the address that the server sends back to. */

export const SIGN_IN_PROBLEMS = ["refused", "not_allowed", "too_many", "unavailable"] as const;
export type SignInProblem = (typeof SIGN_IN_PROBLEMS)[number];

/** The word in `?sign_in=…`; what is not known counts as refused, and nothing there is null. */
export function signInProblemIn(search: string): SignInProblem | null {
  const word = new URLSearchParams(search).get("sign_in");
  if (word === null) return null;
  return SIGN_IN_PROBLEMS.find((one) => one === word) ?? "refused";
}

/** The address without that word, so that a reload does not say it again. */
export function withoutSignInProblem(pathname: string, search: string): string {
  const query = new URLSearchParams(search);
  query.delete("sign_in");
  const rest = query.toString();
  return rest === "" ? pathname : `${pathname}?${rest}`;
}
