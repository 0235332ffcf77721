"""Baseline: the example's rating pipeline served from Python, as a team would: FastAPI, a pandas frame, scikit-learn. One process.

    python bench/baselines/fastapi_server.py

Trains the pipeline as examples/games/train.py does, with the parameters that it chose, and prints the address.
"""

import json
import socket
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

GAMES = Path(__file__).parents[2] / "examples" / "games"
sys.path.insert(0, str(GAMES))

import train

PLAN = next(plan for plan in train.PLANS if plan.experiment == "best_rating_model")
WHOLE = {name: fill for name, fill in train.FILLS.items() if name in PLAN.features}


def fitted():
    """The pipeline, learnt from the rows that the experiment learnt from."""
    frame, database = train.read_games(GAMES / "data" / "games.parquet")
    query = f"select game_id, {PLAN.target} as target from games where {PLAN.rows} and {PLAN.target} is not null"
    targets = database.sql(query).df().set_index("game_id")["target"]
    learnt = frame.iloc[np.sort(train.splits(len(frame))[0])]
    learnt = learnt[learnt["game_id"].isin(targets.index)]
    parameters = json.loads(
        (GAMES / "models/experiments/rating/best_rating_model/v1/parameters.json").read_text(encoding="utf-8")
    )
    del parameters["estimator"]
    return PLAN.build(parameters).fit(train.inputs_of(PLAN, learnt), targets.loc[learnt["game_id"]].to_numpy())


class Request(BaseModel):
    """What is scored: one object a row."""

    data: list[dict]


pipeline = fitted()
app = FastAPI()


@app.post("/score")
async def score(request: Request):
    """The predictions of the rows, in order."""
    frame = pd.DataFrame.from_records(request.data, columns=PLAN.features)
    frame[train.NUMBERS] = frame[train.NUMBERS].astype(np.float64)
    frame = frame.fillna(WHOLE).astype({"decade": np.int64})
    return {"predictions": [{"prediction": prediction} for prediction in pipeline.predict(frame).tolist()]}


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run(sockets=[listener])
