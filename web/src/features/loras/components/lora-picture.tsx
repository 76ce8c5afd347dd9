/** What a LoRA looks like; a quiet sign where there is no preview. */
import { IconBrush } from "@tabler/icons-react";

import type { Lora } from "../queries";
import classes from "./lora-library.module.css";

export function LoraPicture({ lora }: { readonly lora: Pick<Lora, "preview_url" | "name"> }) {
  return (
    <div className={classes.picture}>
      {lora.preview_url === null ? (
        <IconBrush size={40} stroke={1} aria-hidden />
      ) : (
        <img src={lora.preview_url} alt="" loading="lazy" decoding="async" />
      )}
    </div>
  );
}
