"""Orders: what each training is to do, in a file of its own.

Comes in: the config, the ledger's training sets, the code and versions behind a training.
Goes out: `results/<run>/training/{order}.json`, an input of the rules that plan and train.

A training's volumes are `ancient()`, so that grown or changed data retrain nothing. But where a
volume is made again, Snakemake passes over the params of all that lies behind it, and a changed
setting would wait for the next run. The order has no inputs, so that a change always shows.
"""

# Filled by the rule files of the networks: name of the order to what the training depends on.
ORDERS = {}


rule order_training:
    output:
        order=f"{RUN}/training/{{order}}.json",
    log:
        f"{RUN}/logs/order_training/{{order}}.log",
    benchmark:
        f"{RUN}/benchmarks/order_training/{{order}}.tsv"
    conda:
        "../envs/ingest.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=minutes(5),
    params:
        order=order_of_training,
    script:
        "../workflow/scripts/order_training.py"
