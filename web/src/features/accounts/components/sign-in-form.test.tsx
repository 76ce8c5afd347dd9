import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeAll, expect, it } from "vitest";

import { startTexts } from "@/app/i18n"; // texts are the app's to bring; tests may ask for them

import { SignInForm } from "./sign-in-form";

beforeAll(() => startTexts("en"));

it("says only what went wrong last: what comes of a password puts away the provider's refusal", async () => {
  window.history.replaceState(null, "", "/?sign_in=refused");
  render(
    <QueryClientProvider client={new QueryClient()}>
      <MantineProvider env="test">
        <SignInForm />
      </MantineProvider>
    </QueryClientProvider>,
  );
  const atProvider = screen.getByRole("alert");
  await userEvent.type(screen.getByLabelText(/^Name/), "mame");
  await userEvent.type(screen.getByLabelText(/^Password/), "wrong");
  await userEvent.click(screen.getByRole("button", { name: "Sign in" }));
  await waitFor(() => expect(atProvider).not.toBeInTheDocument());
  expect(screen.getAllByRole("alert")).toHaveLength(1);
});
