"""Loops over the samples, the envelope, the spectrum and the autocorrelation of many windows, a row each.

Every row is summed by itself and in order, so that a window has the same bits alone, in a block and in any thread.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

FLOOR = 1e-12  # of the largest power: 120 dB below is rounding noise, of which no logarithm is taken
FAINT = 1e-2  # of the largest: the analytic signal of a sudden onset does not fall much further
EVEN = 1e-9  # of the mean: an envelope that varies by less is even, up to rounding
NEARLY = 0.8  # of the highest peak of the autocorrelation
LOUD = 0.2  # of the largest: the share of its maximum above which the envelope counts as lasting


@njit(cache=True, nogil=True, error_model="numpy")
def levels(rows, rate, centred, out):
    """Write the samples less their mean, and what their values tell.

    Parameters
    ----------
    rows : ndarray of float64, shape (r, n)
        NaN where nothing was recorded.
    rate : float
        In Hz.
    centred : ndarray of float64, shape (r, n)
        Overwritten: the samples less their mean, 0 where nothing was recorded.
    out : ndarray of float64, shape (r, 8)
        Overwritten: peak and root mean square of the samples as they are, their range, their energy; of the centred
        ones peak over root mean square, skewness, excess kurtosis, changes of sign a second. NaN where all are equal.
    """
    n = rows.shape[1]
    for r in range(rows.shape[0]):
        known, total, squares, low, high = 0, 0.0, 0.0, math.inf, -math.inf
        for i in range(n):
            value = rows[r, i]
            if not math.isnan(value):
                known += 1
                total += value
                squares += value * value
                low, high = min(low, value), max(high, value)
        if not low < high:
            centred[r], out[r] = 0.0, math.nan
            continue
        mean = total / known
        second, third, fourth, crossings, sign = 0.0, 0.0, 0.0, 0, 0
        for i in range(n):
            value = rows[r, i] - mean
            if math.isnan(value):
                value = 0.0
            centred[r, i] = value
            square = value * value
            second += square
            third += square * value
            fourth += square * square
            if value != 0.0:
                now = 1 if value > 0 else -1
                crossings += now * sign < 0
                sign = now
        second /= known
        if second == 0.0:
            centred[r], out[r] = 0.0, math.nan
            continue
        spread = math.sqrt(second)
        out[r, 0] = max(abs(low), abs(high))
        out[r, 1] = math.sqrt(squares / known)
        out[r, 2] = high - low
        out[r, 3] = squares / rate
        out[r, 4] = max(high - mean, mean - low) / spread
        out[r, 5] = third / known / (second * spread)
        out[r, 6] = fourth / known / (second * second) - 3.0
        out[r, 7] = crossings * rate / known


@njit(cache=True, nogil=True, error_model="numpy")
def envelopes(rows, centred, turned, rate, reach, envelope, out):
    """Write the envelope less its mean, and what its course tells.

    Parameters
    ----------
    rows, centred : ndarray of float64, shape (r, n)
        As of `levels`.
    turned : ndarray of float64, shape (r, n or more)
        The Hilbert transform of the centred samples.
    rate : float
        In Hz.
    reach : int
        The envelope is smoothed over so many samples to either side.
    envelope : ndarray of float64, shape (r, n)
        Overwritten: the envelope less its mean, 0 where nothing was recorded, and all 0 where it is even.
    out : ndarray of float64, shape (r, 8)
        Overwritten: mean over maximum, standard deviation over mean, excess kurtosis of the envelope (0 where it is
        even); seconds during which the smoothed one is loud, from 5 to 95% of the energy, and of the last rise to the
        maximum; decay behind it in 1/s, place of the maximum as a share of the window. NaN where all samples are equal.
    """
    n = rows.shape[1]
    smooth = np.empty(n)
    for r in range(rows.shape[0]):
        known, total, largest, energy = 0, 0.0, 0.0, 0.0
        for i in range(n):
            value = 0.0
            if not math.isnan(rows[r, i]):
                value = math.sqrt(centred[r, i] * centred[r, i] + turned[r, i] * turned[r, i])
                known += 1
            envelope[r, i] = value
            total += value
            largest = max(largest, value)
            energy += centred[r, i] * centred[r, i]
        if energy == 0.0:
            out[r] = math.nan
            continue
        mean = total / known
        top = _smoothed(envelope[r], rows[r], reach, smooth)
        out[r, 0] = mean / largest
        out[r, 3] = _loud(smooth, smooth[top]) / rate
        out[r, 4] = _significant(centred[r], energy) / rate
        out[r, 5] = _rise(smooth, top) / rate
        out[r, 6] = _decay(smooth, top) * rate
        out[r, 7] = top / n
        second, fourth = 0.0, 0.0
        for i in range(n):
            value = envelope[r, i] - mean
            if math.isnan(rows[r, i]):
                value = 0.0
            envelope[r, i] = value
            second += value * value
            fourth += value * value * value * value
        second /= known
        out[r, 1] = math.sqrt(second) / mean
        if out[r, 1] > EVEN:
            out[r, 2] = fourth / known / (second * second) - 3.0
        else:
            out[r, 2], envelope[r] = 0.0, 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def _smoothed(envelope, row, reach, smooth):
    """Write the mean of the known samples up to ``reach`` away, fewer at the ends; return where it is largest.

    Maxima are looked for where the mean has its full reach: means of fewer samples vary more, so that they would pile up
    at the ends.
    """
    n, total, known, top = envelope.size, 0.0, 0, reach
    for i in range(-reach, n):
        if i + reach < n:
            total += envelope[i + reach]
            known += not math.isnan(row[i + reach])
        if i - reach - 1 >= 0:
            total -= envelope[i - reach - 1]
            known -= not math.isnan(row[i - reach - 1])
        if i >= 0:
            smooth[i] = max(total, 0.0) / known if known else 0.0
            if reach <= i < n - reach and smooth[i] > smooth[top]:
                top = i
    return top


@njit(cache=True, nogil=True, error_model="numpy")
def _loud(smooth, largest):
    """Return how many samples are above a share of the largest."""
    loud = 0
    for value in smooth:
        loud += value > LOUD * largest
    return loud


@njit(cache=True, nogil=True, error_model="numpy")
def _significant(centred, energy):
    """Return how many samples lie between 5 and 95% of the energy."""
    sofar, first, last = 0.0, -1, centred.size - 1
    for i in range(centred.size):
        sofar += centred[i] * centred[i]
        if first < 0 and sofar >= 0.05 * energy:
            first = i
        if sofar >= 0.95 * energy:
            last = i
            break
    return last - first


@njit(cache=True, nogil=True, error_model="numpy")
def _rise(smooth, top):
    """Return how many samples before the maximum the envelope was last not loud; from the start if it always was."""
    for i in range(top, -1, -1):
        if smooth[i] <= LOUD * smooth[top]:
            return top - i
    return top


@njit(cache=True, nogil=True, error_model="numpy")
def _decay(smooth, top):
    """Return how much the logarithm of the envelope falls a sample, from the maximum until it is faint: least squares."""
    floor, n = FAINT * smooth[top], 1
    while top + n < smooth.size:
        n += 1
        if smooth[top + n - 1] <= floor:
            break
    if n == 1:
        return 0.0
    middle, upward = (n - 1) / 2.0, 0.0
    for i in range(n):
        upward += (i - middle) * math.log(max(smooth[top + i], floor))
    return -upward / (n * (n * n - 1.0) / 12.0)


@njit(cache=True, nogil=True, error_model="numpy")
def trigger_maxima(centred, n_sta, n_lta, out):
    """Write the largest ratio of a short to a long trailing mean of the squares (r, 1), both within the window."""
    n = centred.shape[1]
    sums = np.zeros(n + 1)
    for r in range(centred.shape[0]):
        for i in range(n):
            sums[i + 1] = sums[i] + centred[r, i] * centred[r, i]
        if sums[n] == 0.0:
            out[r, 0] = math.nan
            continue
        largest = 0.0
        for stop in range(n_lta, n + 1):
            long = sums[stop] - sums[stop - n_lta]
            if long > 0.0:
                largest = max(largest, (sums[stop] - sums[stop - n_sta]) / long)
        out[r, 0] = largest * n_lta / n_sta


@njit(cache=True, nogil=True, error_model="numpy")
def powers(transformed, out):
    """Write the squared length of complex numbers (r, m) into ``out``, float64 of the same shape."""
    for r in range(transformed.shape[0]):
        for k in range(transformed.shape[1]):
            out[r, k] = transformed[r, k].real ** 2 + transformed[r, k].imag ** 2


@njit(cache=True, nogil=True, error_model="numpy")
def spectra(power, step, edges, filters, weights, cosines, out):
    """Write what the spectrum tells.

    Parameters
    ----------
    power : ndarray of float64, shape (r, m)
        From 0 Hz on; line 0 is left out, and so are those behind the last edge.
    step : float
        From line to line, in Hz.
    edges : ndarray of int64, shape (n_bands + 1,)
        The first line of each band, the lowest first, and the one behind the last.
    filters : ndarray of int64, shape (m,)
        The triangular filter whose rising side a line lies on; the one before falls there.
    weights : ndarray of float64, shape (m,)
        How much of a line the rising side lets through; the falling side lets through the rest.
    cosines : ndarray of float64, shape (n_cepstral, n_filters)
        Rows of a discrete cosine transform.
    out : ndarray of float64, shape (r, 7 + n_bands + n_cepstral)
        Overwritten: dominant, centroid frequency, bandwidth, 85% roll-off in Hz; entropy, flatness, slope; log10 of
        the share of each band; cepstral coefficients. NaN where there is no power.
    """
    first, stop = edges[0], edges[-1]
    n_bands, n_filters = edges.size - 1, cosines.shape[1]
    n, energies = stop - first, np.empty(n_filters)
    abscissa, mean_of_logs = np.empty(stop), 0.0
    for k in range(first, stop):
        abscissa[k] = math.log(k)
        mean_of_logs += abscissa[k] / n
    spread = 0.0
    for k in range(first, stop):
        abscissa[k] -= mean_of_logs
        spread += abscissa[k] ** 2
    for r in range(power.shape[0]):
        total, moment, top = 0.0, 0.0, first
        for k in range(first, stop):
            total += power[r, k]
            moment += k * power[r, k]
            if power[r, k] > power[r, top]:
                top = k
        if not total > 0.0:
            out[r] = math.nan
            continue
        centroid, floor, log_total = moment / total, FLOOR * power[r, top], math.log(total)
        width, entropy, logs, upward, sofar, roll = 0.0, 0.0, 0.0, 0.0, 0.0, -1
        energies[:] = 0.0
        for k in range(first, stop):
            value = power[r, k]
            log = math.log(max(value, floor))
            width += (k - centroid) ** 2 * value
            entropy -= value * (log - log_total)
            logs += log
            upward += abscissa[k] * log
            sofar += value
            if roll < 0 and sofar >= 0.85 * total:
                roll = k
            rising = filters[k]
            if rising < n_filters:
                energies[rising] += weights[k] * value
            if 1 <= rising <= n_filters:
                energies[rising - 1] += (1.0 - weights[k]) * value
        out[r, 0] = top * step
        out[r, 1] = centroid * step
        out[r, 2] = math.sqrt(width / total) * step
        out[r, 3] = roll * step
        out[r, 4] = entropy / total / math.log(n)
        out[r, 5] = math.exp(logs / n) / (total / n)
        out[r, 6] = upward / spread
        for b in range(n_bands):
            share = 0.0
            for k in range(edges[b], edges[b + 1]):
                share += power[r, k]
            out[r, 7 + b] = math.log10(max(share / total, FLOOR))
        for f in range(n_filters):
            energies[f] = math.log(max(energies[f], FLOOR * total))
        for c in range(cosines.shape[0]):
            coefficient = 0.0
            for f in range(n_filters):
                coefficient += cosines[c, f] * energies[f]
            out[r, 7 + n_bands + c] = coefficient


@njit(cache=True, nogil=True, error_model="numpy")
def repetitions(autocorrelation, last, rate, out):
    """Write the height of the highest autocorrelation peak behind the first zero crossing, and the period in s.

    The height is a share of lag 0. The period is the lag of the first peak that is nearly as high: whatever repeats after
    a period does so after two, and chance decides which of these peaks is the highest.

    Parameters
    ----------
    autocorrelation : ndarray of float64, shape (r, last + 2 or more)
    last : int
        The longest lag, in samples.
    rate : float
        In Hz.
    out : ndarray of float64, shape (r, 2)
        Overwritten; both 0 where there is no peak.
    """
    for r in range(autocorrelation.shape[0]):
        row = autocorrelation[r]
        lag = 1
        while lag <= last and row[lag] > 0.0:
            lag += 1
        first, highest = lag, 0.0
        for lag in range(first, last + 1):
            if row[lag - 1] < row[lag] >= row[lag + 1]:
                highest = max(highest, row[lag])
        out[r] = 0.0
        for lag in range(first, last + 1):
            if highest > 0.0 and row[lag - 1] < row[lag] >= row[lag + 1] and row[lag] >= NEARLY * highest:
                out[r, 0], out[r, 1] = highest / row[0], lag / rate
                break
