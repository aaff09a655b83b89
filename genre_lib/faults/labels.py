"""Find labels that a classifier which never saw the track does not believe."""

import numpy as np

from genre_lib.corpus.tracks import genre_names


def find_label_errors(tracks, probabilities):
    """Rank tracks by how little a classifier that never saw them believes their genre.

    This is confident learning (Northcutt, Jiang and Chuang, *Confident Learning: Estimating
    Uncertainty in Dataset Labels*, JAIR 2021), by cleanlab. A suspect is worth listening to; it
    proves nothing.

    Parameters
    ----------
    tracks : pandas.DataFrame with ``track_id``, ``genre`` and ``label``, every genre at least once
    probabilities : array-like, shape (n_tracks, n_genres), from models not trained on the track

    Returns
    -------
    pandas.DataFrame, the most suspect first
        ``track_id``, ``genre``, ``suggested_genre`` (the most probable), ``score`` (the probability
        of ``genre``) and ``verdict`` (bool: whether cleanlab calls it an error).

    Examples
    --------
    >>> find_label_errors(tracks, out_of_fold(results)).head(10)  # doctest: +SKIP
    """
    from cleanlab.filter import find_label_issues  # here, because it takes a second
    from cleanlab.rank import get_label_quality_scores

    genres = genre_names(tracks)
    probabilities = np.asarray(probabilities, np.float64)
    if probabilities.shape != (len(tracks), len(genres)):
        raise ValueError(
            f"probabilities of shape {probabilities.shape} for {len(tracks)} tracks of "
            f"{len(genres)} genres. Expected ({len(tracks)}, {len(genres)}), one row per track."
        )
    total, lowest = probabilities.sum(axis=1), probabilities.min(axis=1)
    wrong = ~np.isclose(total, 1, atol=1e-3) | (lowest < 0)
    if wrong.any():
        first = wrong.argmax()
        raise ValueError(
            f"the probabilities of {tracks['track_id'].iloc[first]} add up to {total[first]:g}, "
            f"and the lowest is {lowest[first]:g}. Expected 1, and none below 0; apply a softmax."
        )
    labels = tracks["label"].to_numpy()
    table = tracks[["track_id", "genre"]].reset_index(drop=True)
    table["suggested_genre"] = np.array(genres)[probabilities.argmax(axis=1)]
    table["score"] = get_label_quality_scores(labels, probabilities, method="self_confidence")
    table["verdict"] = find_label_issues(labels, probabilities, n_jobs=1)
    return table.sort_values(["score", "track_id"], ignore_index=True)
