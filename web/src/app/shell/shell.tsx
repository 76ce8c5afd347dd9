/** What is around every page: name, navigation, language, colours, and the page itself. */
import { ActionIcon, Anchor, Group, Loader, useMantineColorScheme } from "@mantine/core";
import { IconBookmark, IconBrush, IconLanguage, IconMoonStars, IconPalette, IconSun } from "@tabler/icons-react";
import { Link, Outlet } from "@tanstack/react-router";
import { Suspense } from "react";
import { useTranslation } from "react-i18next";

import { SignInGate } from "@/features/accounts/components/sign-in-gate";
import { BalanceBadge } from "@/features/stamina/components/balance-badge";
import { whenIdle } from "@/lib/idle";

import { LateMenu } from "./late-menu";
import { PersonMenu } from "./person-menu";
import classes from "./shell.module.css";

const loadLanguages = async () => (await import("./language-entries")).LanguageEntries;
whenIdle(loadLanguages);

const PLACES = [
  { to: "/", text: "app:nav.training", Icon: IconPalette },
  { to: "/loras", text: "app:nav.loras", Icon: IconBookmark },
  { to: "/drawings", text: "app:nav.drawings", Icon: IconBrush },
] as const;

export function Shell() {
  const { t } = useTranslation("app");
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <>
      <a href="#main" className={classes.skip}>
        {t("nav.skip")}
      </a>
      <header className={classes.header}>
        <Anchor component={Link} to="/" className={classes.brand} underline="never">
          <img src="/icon.svg" alt="" width={28} height={28} />
          <span className={classes.brandWord}>Enogu</span>
        </Anchor>
        <nav aria-label={t("nav.label")} className={classes.places}>
          {PLACES.map(({ to, text, Icon }) => (
            <Link
              key={to}
              to={to}
              className={classes.place}
              activeOptions={{ exact: to === "/" }}
              activeProps={{ "data-active": true }}
            >
              <Icon size={18} stroke={1.5} aria-hidden />
              <span>{t(text)}</span>
            </Link>
          ))}
        </nav>
        <Group gap={4} wrap="nowrap">
          <BalanceBadge />
          <LateMenu
            label={t("nav.language")}
            icon={<IconLanguage size={20} stroke={1.5} />}
            visibleFrom="xs"
            load={loadLanguages}
          />
          <ActionIcon
            size={36}
            visibleFrom="xs"
            aria-label={t(colorScheme === "dark" ? "theme.toLight" : "theme.toDark")}
            onClick={() => setColorScheme(colorScheme === "dark" ? "light" : "dark")}
          >
            {colorScheme === "dark" ? <IconSun size={20} stroke={1.5} /> : <IconMoonStars size={20} stroke={1.5} />}
          </ActionIcon>
          <PersonMenu />
        </Group>
      </header>
      <main id="main" tabIndex={-1} className={classes.main}>
        <div className={classes.page}>
          <SignInGate>
            <Suspense fallback={<Loader aria-label={t("nav.waiting")} />}>
              <Outlet />
            </Suspense>
          </SignInGate>
        </div>
      </main>
    </>
  );
}
