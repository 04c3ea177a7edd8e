namespace MedPeft.Samples.Phantoms;

/// <summary>Spine, ten pairs of ribs, collar bones, shoulder blades, upper arms.</summary>
internal static class Skeleton
{
    public static void Paint(Film film, Anatomy body, PhantomCase who)
    {
        var dice = Dice.For(who.Patient, "bones");
        var calcium = dice.Gauss(1, .12) * (1 - (.15f * Math.Clamp((who.Age - 50) / 40f, 0, 1)));
        Spine(film, body, dice, calcium);
        var brush = new Brush(film.Frame);
        foreach (var side in (ReadOnlySpan<int>)[-1, 1])
        {
            Ribs(film, brush, body, dice, side, calcium);
            Collarbone(film, brush, body, dice, side, calcium, who.Ap);
            Shoulder(film, brush, body, dice, side, calcium, who.Ap);
        }
    }

    private static void Spine(Film film, Anatomy body, Dice dice, float calcium)
    {
        float phase = dice.Range(0, 1), bend = dice.Gauss(0, .35), wave = dice.Range(.10, .2);
        film.Everywhere((i, x, y) =>
        {
            x -= bend * MathF.Sin(y * wave);
            var half = 1.55f + (.018f * y);
            var distance = MathF.Abs(x);
            if (distance > half + .6f) return;
            var level = (y / (1.95f + (.018f * y))) + phase;
            var within = level - MathF.Floor(level);
            var plate = MathF.Exp(-MathF.Pow((within - .10f) / .05f, 2)) + MathF.Exp(-MathF.Pow((within - .90f) / .05f, 2));
            var disc = 1 - Anatomy.Smooth((MathF.Min(within, 1 - within) - .02f) / .08f);
            var waist = half * (1 - (.10f * MathF.Sin(within * MathF.PI)));
            var bone = Anatomy.Smooth((waist - distance) / .3f) * (.115f - (.05f * disc) + (.055f * plate));
            var pedicle = MathF.Exp(-(MathF.Pow((distance - (half * .62f)) / .3f, 2) + MathF.Pow((within - .38f) / .16f, 2)));
            var spinous = MathF.Exp(-(MathF.Pow(distance / .28f, 2) + MathF.Pow((within - .72f) / .2f, 2)));
            film.Density[i] += calcium * (bone + (.06f * pedicle) + (.07f * spinous));
        });
    }

    /// <summary>A rib is half an ellipse around the chest, sloping down from spine to breastbone; its picture is the projection.</summary>
    private static void Ribs(Film film, Brush brush, Anatomy body, Dice dice, int side, float calcium)
    {
        var spacing = (body.Base - body.Apex) * dice.Gauss(.0905, .002);
        var start = body.Apex + dice.Gauss(.4, .25);
        for (var rib = 0; rib < 10; rib++)
        {
            var drop = rib == 0 ? 3.8f : 5.4f + (.62f * rib) + dice.Gauss(0, .25);
            var origin = start + (rib * spacing) + dice.Gauss(0, .12);
            var lateralY = origin + (drop * .48f);
            var reach = (rib == 0 ? body.LateralEdge(body.Apex + 2.2f) * .93f : body.LateralEdge(lateralY)) + .28f;
            var half = (rib == 0 ? .72f : .60f) * dice.Gauss(1, .05);
            var rise = rib == 0 ? .2f : .6f;
            float x = 0, y = 0, width = 0, weight = 0;
            const int steps = 40;
            for (var k = 0; k <= steps; k++)
            {
                var angle = MathF.PI * (.035f + (k * (rib == 0 ? .80f : .81f) / steps));
                var front = Math.Max(0, -MathF.Cos(angle));
                // The side wall hangs a little behind the ellipse's middle: sin to a power below one fills the cage's flanks.
                var nextX = side * reach * MathF.Pow(MathF.Sin(angle), .82f);
                var nextY = origin + (drop * (1 - MathF.Cos(angle)) / 2) - (rise * MathF.Sin(Math.Min(angle * 1.6f, MathF.PI)));
                var nextWidth = half * (1 + (.35f * front)) * (.62f + (.38f * MathF.Abs(MathF.Cos(angle))));
                var nextWeight = calcium * (.098f - (.052f * Anatomy.Smooth(front * 1.6f))) * (1 - Anatomy.Smooth((k - (steps * .82f)) / (steps * .18f)));
                if (k > 0) brush.Line(x, y, nextX, nextY, width, nextWidth, weight, nextWeight);
                (x, y, width, weight) = (nextX, nextY, nextWidth, nextWeight);
            }

            brush.Add(film.Density, Brush.Rib);
        }
    }

    private static void Collarbone(Film film, Brush brush, Anatomy body, Dice dice, int side, float calcium, bool ap)
    {
        float inner = body.Turn + (side * 1.9f), y0 = body.Apex + dice.Gauss(ap ? 1.8 : 3.4, .3), y1 = body.Apex + dice.Gauss(ap ? -.8 : .4, .4), outer = side * dice.Gauss(16.2, .4);
        float lastX = 0, lastY = 0, lastWidth = 0;
        for (var k = 0; k <= 24; k++)
        {
            var t = k / 24f;
            var x = inner + (t * (outer - inner));
            var y = y0 + (t * (y1 - y0)) - (.75f * MathF.Sin(t * 2 * MathF.PI)) - (.5f * MathF.Sin(t * MathF.PI));
            var width = .62f + (.32f * MathF.Pow(1 - t, 4)) + (.15f * t);
            if (k > 0) brush.Line(lastX, lastY, x, y, lastWidth, width, calcium * .12f, calcium * .12f);
            (lastX, lastY, lastWidth) = (x, y, width);
        }

        brush.Add(film.Density, Brush.Rib);
    }

    private static void Shoulder(Film film, Brush brush, Anatomy body, Dice dice, int side, float calcium, bool ap)
    {
        // In PA views the shoulders are rolled forward, which turns the blades out of the lungs; in bed they lie over them.
        float inward = ap ? dice.Range(3.2, 4.6) : dice.Range(.2, 1.4), top = body.Apex + dice.Gauss(1.6, .4);
        var glenoid = side * 16.6f;
        (float X, float Y)[] blade = [(glenoid, top + 2.2f), (side * (15.9f - inward), top + 1.3f), (side * (14.0f - inward), top + 7), (side * (15.4f - inward), top + 14), (side * (16.4f - (.6f * inward)), top + 8.5f)];
        Plate(film, blade, calcium * .05f);
        for (var k = 1; k < blade.Length; k++) brush.Line(blade[k - 1].X, blade[k - 1].Y, blade[k].X, blade[k].Y, .28f, .28f, calcium * .075f, calcium * .075f);
        brush.Line(blade[^1].X, blade[^1].Y, blade[0].X, blade[0].Y, .45f, .6f, calcium * .11f, calcium * .11f);
        brush.Line(side * (13.6f - (.7f * inward)), top + 3.4f, side * 18.4f, top - .4f, .35f, .6f, calcium * .07f, calcium * .12f);
        brush.Add(film.Density, Brush.Rib);
        brush.Line(side * 18.6f, top + 2.5f, side * 18.9f, top + 2.9f, 2.2f, 2.2f, calcium * .13f, calcium * .13f);
        brush.Line(side * 19.2f, top + 4, side * 21.4f, top + 24, 1.5f, 1.25f, calcium * .15f, calcium * .15f);
        brush.Add(film.Density, Brush.Rib);
    }

    private static void Plate(Film film, ReadOnlySpan<(float X, float Y)> corners, float weight)
    {
        var points = corners.ToArray();
        float x0 = points.Average(p => p.X), y0 = points.Average(p => p.Y);
        film.Around(x0, y0, 9, (i, x, y) =>
        {
            var inside = false;
            for (int a = 0, b = points.Length - 1; a < points.Length; b = a++)
            {
                if ((points[a].Y > y) != (points[b].Y > y) && x < points[a].X + ((points[b].X - points[a].X) * (y - points[a].Y) / (points[b].Y - points[a].Y))) inside = !inside;
            }

            if (inside) film.Density[i] += weight;
        });
    }
}
