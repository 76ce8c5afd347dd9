// Rules with a reason: the import arrows between features, no literal text in JSX, hooks and accessibility.
import jsxA11y from "eslint-plugin-jsx-a11y";
import reactHooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

/** Words that a person would read, in either language; the product's own name is no text. */
const LETTERS = "^(?!\\s*Enogu\\s*$)[^]*[A-Za-z\\u3040-\\u30ff\\u4e00-\\u9fff]";

/** Whose `public.ts` a feature may import: the server's own layers. No arrow back, none that is not listed. */
export const ARROWS = {
  accounts: [],
  stamina: ["accounts"],
  admin: ["accounts", "stamina"],
  datasets: ["accounts"],
  captions: ["accounts", "datasets"],
  base_models: ["accounts"],
  runs: ["accounts", "stamina", "datasets", "base_models"],
  loras: ["accounts", "base_models", "runs"],
  drawings: ["accounts", "stamina", "base_models", "loras"],
};

const FEATURES = Object.keys(ARROWS);

/** What files of one place may not import, as patterns over import paths, with the better way in the message. */
const forbid = (files, regex, message) => ({ files, rules: { "no-restricted-imports": ["error", { patterns: [{ regex, message }] }] } });
const climbing = "^(\\.\\./)+(app|features|ui|api|lib|theme)/";

const arrows = FEATURES.map((feature) => {
  const open = ARROWS[feature].map((other) => `${other}/public$`).join("|");
  const others = `^@/(app/|features/(?!${feature}/${open === "" ? "" : `|${open}`}))`;
  return forbid(
    [`src/features/${feature}/**/*.{ts,tsx}`],
    `${others}|${climbing}`,
    `${feature} may import its own files, ui, api, lib, theme, and public.ts of: ${ARROWS[feature].join(", ") || "nobody"}. What brings features together is a route in app/.`,
  );
});

const layers = [
  forbid(["src/lib/**/*.{ts,tsx}"], `^@/(app|features|ui|api|theme)/|${climbing}`, "lib knows nothing but itself."),
  forbid(["src/theme/**/*.{ts,tsx}"], `^@/(app|features|ui|api)/|${climbing}`, "theme knows lib only."),
  forbid(["src/api/**/*.{ts,tsx}"], `^@/(app|features|ui|theme)/|${climbing}`, "api knows lib only."),
  forbid(["src/ui/**/*.{ts,tsx}"], `^@/(app|features)/|${climbing}`, "ui knows no feature and no query: hand it what it shows."),
];

export default tseslint.config(
  { ignores: ["node_modules", "src/api/schema.ts", "public", "postcss.config.cjs", "test-results", "playwright-report"] },
  ...tseslint.configs.strict,
  {
    files: ["src/**/*.{ts,tsx}"],
    plugins: { "jsx-a11y": jsxA11y, "react-hooks": reactHooks },
    rules: {
      ...jsxA11y.flatConfigs.recommended.rules,
      ...reactHooks.configs.recommended.rules,
      "@typescript-eslint/no-non-null-assertion": "error",
      "no-restricted-syntax": [
        "error",
        { selector: `JSXText[value=/${LETTERS}/]`, message: "A person reads this: give it a key in locales/en.json and ja.json, and use t()." },
        {
          selector: `JSXAttribute[name.name=/^(title|alt|label|placeholder|description|aria-label|aria-description)$/] > Literal[value=/${LETTERS}/]`,
          message: "A person reads or hears this: give it a key in locales/en.json and ja.json, and use t().",
        },
      ],
    },
  },
  ...layers,
  ...arrows,
  { files: ["src/**/*.test.{ts,tsx}", "e2e/**/*"], rules: { "@typescript-eslint/no-non-null-assertion": "off", "no-restricted-syntax": "off", "no-restricted-imports": "off" } },
);
