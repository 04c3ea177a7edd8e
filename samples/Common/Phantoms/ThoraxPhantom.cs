namespace MedPeft.Samples.Phantoms;

/// <summary>
/// Draws chest radiographs that never were: a procedural thorax with the findings asked for, where they occur and as they look. For
/// demonstrations and tests of software; it teaches a network nothing about patients.
/// </summary>
public static class ThoraxPhantom
{
    /// <summary>Draws one radiograph.</summary>
    /// <param name="who">Body, pose and findings.</param>
    /// <param name="size">Side of the square picture, 32 to 2048 pixels.</param>
    /// <returns>Gray levels, row by row, size x size bytes.</returns>
    public static byte[] Draw(PhantomCase who, int size = 256) => Draw(who, size, null, out _);

    /// <summary>Draws one radiograph and says where its lung opacities lie: pneumonia, consolidation and infiltration.</summary>
    /// <param name="who">Body, pose and findings.</param>
    /// <param name="size">Side of the square picture, 32 to 2048 pixels.</param>
    /// <param name="opacities">A box for each lung that has some.</param>
    /// <returns>The same gray levels as without boxes.</returns>
    public static byte[] Draw(PhantomCase who, int size, out IReadOnlyList<PhantomBox> opacities)
    {
        var pixels = Draw(who, size, new float[size * size], out var film);
        opacities = OpacityBoxes.Find(film);
        return pixels;
    }

    private static byte[] Draw(PhantomCase who, int size, float[]? opacity, out Film film)
    {
        ArgumentNullException.ThrowIfNull(who);
        if (size is < 32 or > 2048) throw new ArgumentOutOfRangeException(nameof(size), size, "A phantom is 32 to 2048 pixels wide.");
        var body = new Anatomy(who);
        film = new Film(new Frame(size, Dice.For(who.Exposure, "pose"))) { Opacity = opacity };
        var brush = new Brush(film.Frame);
        Tissue.Paint(film, body, who);
        Disease.Paint(film, body, who, brush);
        Vessels.Paint(film, body, who, brush);
        Skeleton.Paint(film, body, who);
        return Exposure.Develop(film, who);
    }
}
