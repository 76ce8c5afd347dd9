/** Lists of tags that complete what one types: a danbooru CSV or a file of translations (E4). */
import { ActionIcon, FileButton, Button, Group, Modal, Stack, Table, Text } from "@mantine/core";
import { IconTrash, IconUpload } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { formatNumber } from "@/lib/format";
import { noticeDone, noticeFailure } from "@/ui/feedback/notices";

import { captionQueries, useDeleteVocabulary, useImportVocabulary } from "../queries";

export function VocabularyDialog({ onClose }: { readonly onClose: () => void }) {
  const { t, i18n } = useTranslation("captions");
  const ui = useTranslation("ui").t;
  const lists = useQuery(captionQueries.vocabularies()).data ?? [];
  const bring = useImportVocabulary();
  const remove = useDeleteVocabulary();
  const handleFile = (file: File | null) => {
    if (file === null) return;
    bring.mutate(file, {
      onSuccess: (made) =>
        noticeDone(
          made.num_left_out > 0
            ? t("vocabulary.doneSome", { name: made.name, count: made.num_tags, left: made.num_left_out })
            : t("vocabulary.done", { name: made.name, count: made.num_tags }),
        ),
      onError: (error) => noticeFailure(error),
    });
  };
  return (
    <Modal
      opened
      onClose={onClose}
      title={t("vocabulary.title")}
      size="lg"
      closeButtonProps={{ "aria-label": ui("close") }}
    >
      <Stack>
        <Text size="sm">{t("vocabulary.text")}</Text>
        <Text size="sm" c="dimmed">
          {t("vocabulary.form")}
        </Text>
        {lists.length > 0 && (
          <Table>
            <Table.Tbody>
              {lists.map((one) => (
                <Table.Tr key={one.id}>
                  <Table.Td>{one.name}</Table.Td>
                  <Table.Td ta="end">
                    {t("vocabulary.count", { count: one.num_tags, number: formatNumber(one.num_tags, i18n.language) })}
                  </Table.Td>
                  <Table.Td w={48}>
                    <ActionIcon
                      aria-label={t("vocabulary.delete", { name: one.name })}
                      onClick={() => remove.mutate(one.id, { onError: (error) => noticeFailure(error) })}
                    >
                      <IconTrash size={18} stroke={1.5} />
                    </ActionIcon>
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        )}
        <Group>
          <FileButton accept=".csv,.txt,text/csv" onChange={handleFile}>
            {(props) => (
              <Button
                {...props}
                loading={bring.isPending}
                leftSection={<IconUpload size={18} stroke={1.5} aria-hidden />}
              >
                {t("vocabulary.choose")}
              </Button>
            )}
          </FileButton>
          {bring.isPending && (
            <Text size="sm" c="dimmed" role="status">
              {t("vocabulary.reading")}
            </Text>
          )}
        </Group>
      </Stack>
    </Modal>
  );
}
