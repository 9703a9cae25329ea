#!/bin/sh
# The older README's step 2.2: flags given here come after these and win, e.g. sh NRA.sh --data-dir DIR
exec python -u "$(dirname "$0")/train_NR.py" --network r50 --loss-type 4 --margin-m 0.5 --data-dir ./MF2_pic9_head/ --lr 0.01 --lr-steps 50000,90000 --per-batch-size 100 --noise-beta 0.9 --prefix ../models/NRA_r50pic9/model --bin-dir ./src/ --pretrained ../models/NRA_r50pic9/model_t,0 "$@"
