/** Family, branch and what is unusual about a base model. */
import { Badge, Group } from "@mantine/core";

import { badgesOf } from "../model/marks";
import type { BaseModel } from "../queries";

export function BaseModelBadges({ model }: { readonly model: BaseModel }) {
  if (model.family === "") return null;
  return (
    <Group gap={4}>
      <Badge variant="light" tt="none">
        {model.family_title}
      </Badge>
      {badgesOf(model).map((badge) => (
        <Badge key={badge} variant="light" color="fuji" tt="none">
          {badge}
        </Badge>
      ))}
    </Group>
  );
}
