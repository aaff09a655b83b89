"""Labels that a classifier which never saw the track does not believe."""

import numpy as np

from genre_lib.corpus.tracks import genre_names


def find_label_errors(tracks, probabilities):
    """Rank the tracks by how little a classifier that never saw them believes their genre.

    Confident learning (Northcutt, Jiang and Chuang, *Confident Learning: Estimating Uncertainty in
    Dataset Labels*, JAIR 2021) as cleanlab does it. A suspect is a suggestion to listen, no proof.

    Parameters
    ----------
    tracks : pandas.DataFrame
        With ``track_id``, ``genre`` and ``label``, every genre at least once.
    probabilities : array-like
        Shape (n_tracks, n_genres), in the order of `tracks` and of the labels: of each track from
        a model that was not trained on it. Rows add up to 1.

    Returns
    -------
    pandas.DataFrame
        One row a track, the most suspect first: ``track_id``, ``genre``, ``suggested_genre`` (the
        most probable one, which may be the genre itself), ``score`` (self-confidence: the
        probability of the genre that the track has, 0 to 1), ``verdict`` (bool: cleanlab counts
        the label among the errors).

    Raises
    ------
    ValueError
        If the shapes do not agree, or `probabilities` are none.
    """
    # Imported here: it takes a second, and the other detectors do without.
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    genres = genre_names(tracks)
    probabilities = np.asarray(probabilities, np.float64)
    if probabilities.shape != (len(tracks), len(genres)):
        raise ValueError(
            f"probabilities of shape {probabilities.shape} for {len(tracks)} tracks of "
            f"{len(genres)} genres. Expected ({len(tracks)}, {len(genres)}), a row for each track."
        )
    total = probabilities.sum(axis=1)
    if not np.allclose(total, 1, atol=1e-3) or (probabilities < 0).any():
        worst = int(np.argmax(np.nan_to_num(np.abs(total - 1), nan=np.inf)))
        raise ValueError(
            f"the probabilities of {tracks['track_id'].iloc[worst]} add up to {total[worst]:g}. "
            "Expected numbers of at least 0 that add up to 1; apply a softmax to the logits."
        )
    labels = tracks["label"].to_numpy()
    table = tracks[["track_id", "genre"]].reset_index(drop=True)
    table["suggested_genre"] = np.array(genres)[probabilities.argmax(axis=1)]
    table["score"] = get_label_quality_scores(labels, probabilities, method="self_confidence")
    table["verdict"] = find_label_issues(labels, probabilities, n_jobs=1)
    return table.sort_values(["score", "track_id"], ignore_index=True)
