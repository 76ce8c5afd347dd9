/** Where notices are shown; loaded with the first of them. */
import "@mantine/notifications/styles.layer.css";

import { Notifications, notifications } from "@mantine/notifications";

export { notifications };

export function NoticeBoard() {
  return <Notifications position="bottom-center" limit={4} />;
}
