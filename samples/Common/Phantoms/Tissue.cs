namespace MedPeft.Samples.Phantoms;

/// <summary>Soft tissue: trunk, neck, arms, heart and great vessels, windpipe, abdomen with its gas, breasts.</summary>
internal static class Tissue
{
    /// <summary>How much less a lung full of air weighs than the tissue around it.</summary>
    public const float AirContrast = .78f;

    public static void Paint(Film film, Anatomy body, PhantomCase who)
    {
        var dice = Dice.For(who.Patient, "tissue");
        var grain = new SmoothNoise(dice.NextUInt64(), 3);
        float shoulder = dice.Gauss(who.Ap ? 2.6 : 3.3, .4), slope = dice.Range(.10, .22), neckWidth = dice.Gauss(who.Female ? 5.2 : 6.0, .4);
        float armX = dice.Gauss(who.Ap ? 20.5 : 21.2, .6), heart = dice.Gauss(.13, .02), belly = dice.Gauss(.17, .04);
        var edge = Math.Max(.13f, .6f / film.Frame.PixelsPerCm);
        film.Everywhere((i, x, y) =>
        {
            var reach = MathF.Abs(x);
            var side = x < 0 ? -1 : 1;
            var outer = body.LateralEdge(Math.Max(y, body.Apex + 3)) + body.Wall + (y < 14 ? (14 - y) * .25f : 0);
            var trunk = Shell(reach / outer, .36f) * Anatomy.Smooth((y - 2.5f) / 8) * (.86f + (.006f * y));
            var neck = y > 18 ? 0 : .72f * Shell(reach / (neckWidth + (Math.Max(0, y - 3) * .35f)), .45f) * (1 - Anatomy.Smooth((y - 4) / 14));
            var ridge = shoulder + ((reach - 6) * slope) + (reach > 17 ? (reach - 17) * (reach - 17) * .22f : 0);
            var girdle = y > 25 ? 0 : .60f * Half(Math.Max(0, ridge + 3.6f - y) / 3.6f) * (1 - Anatomy.Smooth((y - 15) / 10)) * Anatomy.Smooth((reach - 2) / 5);
            var arm = .50f * Half((reach - armX) / 4.4f) * Anatomy.Smooth((y - ridge) / 6);
            var density = Blend(trunk, neck, girdle, arm);

            var (right, left) = body.Mediastinum(y);
            float middle = (right + left) / 2, half = (left - right) / 2;
            var q = (x - middle) / half;
            var upper = Anatomy.Smooth((body.Hilum - 3 - y) / 6);
            var solid = MathF.Abs(q) >= 1 ? 0 : MathF.Pow(1 - MathF.Pow(MathF.Abs(q), 3.4f), .55f) * Anatomy.Smooth((y - 3) / 4);
            density += (heart - (.05f * upper)) * solid * (1 - (.9f * Anatomy.Smooth((y - body.Dome[1] - 1) / 3)));

            // The descending aorta: a faint line left of the spine.
            if (y > body.Knob) density += .035f * Anatomy.Smooth((2.7f + body.MediastinalShift - x) / .35f) * Anatomy.Smooth((x - .5f) / .8f);

            var below = y - body.Diaphragm(side, reach);
            var border = edge + (1.8f * Math.Max(0, reach - body.HalfWidth + .5f));
            if (below > -border && reach < outer) density += belly * Anatomy.Smooth((below + border) / (2 * border)) * Shell(reach / outer, .3f) * (.55f + (.45f * Anatomy.Smooth(below / 6)));
            density *= 1 + (.02f * grain.At(x * .35f, y * .35f));
            film.Density[i] = density;

            var air = body.Air(x, y, edge);
            film.Lung[i] = Anatomy.Smooth((air * 3) - .25f);
            film.Air[i] = air * (1 - ((.70f - (.12f * upper)) * solid));
        });
        Windpipe(film, body);
        Gas(film, body, dice);
        if (who.Female) Breasts(film, body, dice);
    }

    private static void Windpipe(Film film, Anatomy body)
    {
        var brush = new Brush(film.Frame);
        var x = (body.MediastinalShift * .8f) + body.Turn;
        brush.Line(x * .5f, 0, x + .25f, body.Carina, 1.0f, .9f, -.27f, -.2f);
        brush.Add(film.Density, Brush.Round);
        brush.Line(x + .2f, body.Carina - .3f, x - 2.9f, body.Hilum - .9f, .75f, .5f, -.15f, -.05f);
        brush.Line(x + .2f, body.Carina - .3f, x + 3.6f, body.Hilum - 1.3f, .65f, .4f, -.15f, -.05f);
        brush.Add(film.Density, Brush.Round);
    }

    private static void Gas(Film film, Anatomy body, Dice dice)
    {
        var bubbles = new List<(float X, float Y, float Radius, float Flat)>();
        if (dice.Chance(.75)) bubbles.Add((dice.Range(4, 8), body.Dome[1] + dice.Range(2.2, 3.4), dice.Range(1, 2.4), dice.Range(.55, .9)));
        for (var k = dice.Below(6); k > 0; k--) bubbles.Add((dice.Range(-12, 12), body.Base + dice.Range(4, 9), dice.Range(.7, 1.8), dice.Range(.6, 1)));
        foreach (var (x, y, radius, flat) in bubbles)
        {
            film.Around(x, y, radius, (i, u, v) =>
            {
                var r = (((u - x) * (u - x)) + ((v - y) * (v - y) / (flat * flat))) / (radius * radius);
                if (r < 1 && v > body.Diaphragm(1, MathF.Abs(u)) + .8f) film.Density[i] -= .22f * MathF.Sqrt(1 - r);
            });
        }
    }

    private static void Breasts(Film film, Anatomy body, Dice dice)
    {
        float size = dice.Range(4.2, 7.2), weight = dice.Range(.07, .17), height = body.Base - dice.Range(4.5, 8), apart = dice.Gauss(8.7, .5);
        foreach (var side in (ReadOnlySpan<int>)[-1, 1])
        {
            film.Around(side * apart, height, size * 1.5f, (i, x, y) =>
            {
                float u = (x - (side * apart)) / size, v = (y - height) / (y > height ? size * .72f : size * 1.4f);
                var r = (u * u) + (v * v);
                if (r < 1) film.Density[i] += weight * (y > height ? MathF.Sqrt(1 - r) : 1 - r);
            });
        }
    }

    /// <summary>Path through a rounded body: 1 in the middle, 0 at its edge.</summary>
    private static float Shell(float q, float power) => MathF.Abs(q) >= 1 ? 0 : MathF.Pow(1 - (q * q), power);

    private static float Half(float q) => MathF.Abs(q) >= 1 ? 0 : MathF.Sqrt(1 - (q * q));

    /// <summary>Overlapping parts of one body do not add up; the thicker one counts, joined smoothly.</summary>
    private static float Blend(float a, float b, float c, float d) => MathF.Sqrt(MathF.Sqrt((a * a * a * a) + (b * b * b * b) + (c * c * c * c) + (d * d * d * d)));
}
