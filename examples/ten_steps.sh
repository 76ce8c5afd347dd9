#!/bin/sh
# From a folder of pictures to a picture drawn with one's own LoRA, in ten steps, over the command line.
#
#   enogu studio                                  # in another terminal
#   ENOGU_SERVER=http://127.0.0.1:8765 sh examples/ten_steps.sh [FOLDER] [OUT]
#
# FOLDER holds pictures (the set "mame" that ships, unless given), OUT gets what comes of it (./ten_steps). A studio
# with accounts also wants ENOGU_TOKEN. Without ENOGU_SERVER the studio of ENOGU_HOME is used, and `enogu worker` works.
set -eu
export PYTHONUTF8=1

out=${2:-ten_steps}
name=beans
mkdir -p "$out"

# B1: prepare pictures.
pictures=${1:-$(python3 -c 'from enogu import starter_data; print(starter_data.path("pictures") / "mame")')}

# B2: create a dataset; the trigger is the word that will call what is learnt.
enogu dataset create "$name" --trigger mame

# B3: choose the base model.
enogu base list

# B4: add the pictures, look at what is pointed out, crop and tag.
enogu dataset add "$name" "$pictures"
enogu dataset findings "$name"
enogu dataset set "$name" --crop centre --size 512
enogu dataset crop-and-tag "$name" --wait

# B5: edit captions. Every change can be undone.
enogu caption union "$name"
enogu caption add "$name" "mascot"
enogu caption undo "$name"

# B6 and B7: how often an epoch shows each picture, how many epochs, which previews; what it will cost.
enogu dataset set "$name" --repeats 10
enogu runs plan "$name" --base starter --set training.epochs=2 --set previews.prompts="mame, smile"

# B8: name it and start; the name is that of the LoRA file, and `--from NAME` recalls the recipe.
enogu runs start "$name" --base starter --name "$name" --set training.epochs=2 \
    --set previews.prompts="mame, smile" --follow

# B9: what it left: previews for each epoch, files to download, one of them kept in the library.
enogu runs show "$name"
enogu runs download "$name" --zip --out "$out/$name.zip"
enogu lora save "$name" --name "$name"

# B10: draw with it.
enogu drawing draw --prompt "mame, smile" --lora "$name:0.8" --base starter --count 2 --seed 1 --out "$out"
