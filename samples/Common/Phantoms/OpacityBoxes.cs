namespace MedPeft.Samples.Phantoms;

/// <summary>Boxes around lung opacities, one for each lung, as a radiologist of the RSNA challenge would draw them.</summary>
internal static class OpacityBoxes
{
    /// <summary>The findings that count as an opacity suspicious of pneumonia.</summary>
    public const Findings Kinds = Findings.Pneumonia | Findings.Consolidation | Findings.Infiltration;

    // An opacity fades out: the box ends where a third of its darkest part is left. A trace is nobody's box.
    private const float Edge = 1 / 3f;
    private const float Trace = .05f;

    public static IReadOnlyList<PhantomBox> Find(Film film)
    {
        var (filled, size) = (film.Opacity!, film.Frame.Size);
        var most = filled.Max();
        if (most < Trace) return [];
        int[] left = [size, size], top = [size, size], right = [-1, -1], bottom = [-1, -1];
        film.Everywhere((i, x, _) =>
        {
            if (filled[i] < most * Edge) return;
            var (side, column, row) = (x < 0 ? 0 : 1, i % size, i / size);
            (left[side], right[side]) = (Math.Min(left[side], column), Math.Max(right[side], column));
            (top[side], bottom[side]) = (Math.Min(top[side], row), Math.Max(bottom[side], row));
        });
        return [.. Enumerable.Range(0, 2).Where(s => right[s] >= 0).Select(s => new PhantomBox(left[s], top[s], right[s] - left[s] + 1, bottom[s] - top[s] + 1))];
    }
}
