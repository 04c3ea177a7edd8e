namespace MedPeft.Samples.Phantoms;

/// <content>Opacities with a shape: balls, lobes, clouds; air where none should be; scars.</content>
internal sealed partial class Disease
{
    private void Ball(float radius, float share, bool spiculated)
    {
        var (x, y) = body.Place(dice.Side(), dice.Range(.22, .85), dice.Range(.25, .8));
        float lobes = dice.Range(2, 5), phase = dice.Range(0, 6), rough = spiculated ? dice.Range(.05, .13) : dice.Range(.02, .06), squeeze = dice.Range(.82, 1.1);
        film.Around(x, y, radius * 1.4f, (i, u, v) =>
        {
            float dx = (u - x) / squeeze, dy = v - y, r = MathF.Sqrt((dx * dx) + (dy * dy)), angle = MathF.Atan2(dy, dx);
            var edge = radius * (1 + (rough * (MathF.Sin((lobes * angle) + phase) + (.6f * clouds.At(angle * 3 + 40, phase)))));
            var q = r / edge;
            // The part of the beam in the ball, rounded off by a border of half a millimetre or a pixel.
            if (q < 1) film.Fill(i, share * MathF.Pow(1 - (q * q), .45f) * (.9f + (.2f * clouds.At(u * 1.5f, v * 1.5f))));
        });
        if (!spiculated) return;
        for (var k = 0; k < 14; k++)
        {
            float angle = dice.Range(0, 2 * MathF.PI), length = radius * dice.Range(1.15, 1.6);
            brush.Line(x + (radius * .85f * MathF.Cos(angle)), y + (radius * .85f * MathF.Sin(angle)), x + (length * MathF.Cos(angle)), y + (length * MathF.Sin(angle)), .10f, .03f, .09f, .02f);
        }

        brush.Add(film.Density, Brush.Round, film.Lung);
    }

    /// <summary>A lobe, or part of one, full of fluid; the airways stay open and show as dark branches.</summary>
    private void Consolidation(float share, float bronchograms, bool wholeLobe)
    {
        var side = dice.Side();
        var upper = dice.Chance(.4);
        float fissure = body.Hilum + dice.Gauss(.2, .5), bottom = body.Dome[side < 0 ? 0 : 1], tilt = dice.Gauss(upper ? .1 : .35, .06);
        float sharp = Math.Max(wholeLobe ? .22f : .9f, pixel), spread = dice.Range(.55, .95);
        var (centerX, centerY) = body.Place(side, upper ? dice.Range(.2, .38) : dice.Range(.66, .9), dice.Range(.25, .65));
        InLung(side, (i, x, y, across) =>
        {
            // The fissure bounds the lobe: above it for the upper one, below it for the lower one.
            var border = fissure + (tilt * (across - .5f) * 6);
            var lobe = Anatomy.Smooth(((upper ? border - y : y - border) + sharp) / (2 * sharp));
            float dx = (x - centerX) / (5.2f * spread), dy = (y - centerY) / (5.6f * spread), r = (dx * dx) + (dy * dy);
            var reach = wholeLobe ? Anatomy.Smooth(1.55f - (r * .62f)) : MathF.Exp(-r * 1.35f);
            film.Fill(i, share * lobe * reach * Math.Clamp(.92f + (.3f * clouds.At(x * .7f, y * .7f)), 0, 1));
        });

        var (rootX, rootY) = body.Root(side);
        for (var k = 0; k < 5; k++)
        {
            float x = rootX, y = rootY, angle = MathF.Atan2(centerY - rootY, centerX - rootX) + dice.Gauss(0, .3), width = .24f;
            for (var step = 0; step < 6; step++)
            {
                float nextX = x + (1.1f * MathF.Cos(angle)), nextY = y + (1.1f * MathF.Sin(angle));
                if (step > 1) brush.Line(x, y, nextX, nextY, width, width * .88f, -.13f * bronchograms, -.13f * bronchograms);
                (x, y, width, angle) = (nextX, nextY, width * .88f, angle + dice.Gauss(0, .2));
            }
        }

        brush.Add(film.Density, Brush.Round, film.Lung);
    }

    private void Pneumothorax()
    {
        var side = dice.Side();
        float sunk = dice.Range(1.8, 6.5), flank = sunk * dice.Range(.22, .42), close = dice.Range(14, 20);
        // The lung's surface: the cage's own outline, sunk from the tip and off the wall, closing towards the base.
        float Edge(float y) => body.SunkenEdge(y, sunk) - (flank * (1 - Anatomy.Smooth((y - body.Apex - close) / 7)));
        var soft = Math.Max(.12f, pixel * .6f);
        InLung(side, (i, x, y, across) =>
        {
            var outside = Anatomy.Smooth((MathF.Abs(x) - (y < body.Apex + sunk ? 0 : Edge(y)) + soft) / (2 * soft));
            film.Filled[i] += (outside * (-.16f - film.Filled[i])) + ((1 - outside) * .08f);
            film.Lung[i] *= 1 - outside;
        });

        float lastX = 2.4f, lastY = body.Apex + sunk;
        for (var y = lastY; y < body.Base - 2 && body.LateralEdge(y) - Edge(y) > .25f; y += .25f)
        {
            brush.Line(side * lastX, lastY, side * Edge(y), y, .11f, .11f, .14f, .14f);
            (lastX, lastY) = (Edge(y), y);
        }

        brush.Add(film.Density, Brush.Round);
    }

    private void Emphysema()
    {
        InLung(0, (i, x, y, across) => film.Filled[i] -= .13f);
        for (var k = 4 + dice.Below(5); k > 0; k--)
        {
            var side = dice.Side();
            var (x, y) = body.Place(side, dice.Range(.1, .6), dice.Range(.35, .85));
            float radius = dice.Range(.7, 2.1), lastX = x + radius, lastY = y;
            film.Around(x, y, radius, (i, u, v) =>
            {
                var q = (((u - x) * (u - x)) + ((v - y) * (v - y))) / (radius * radius);
                if (q < 1) (film.Filled[i], film.Lung[i]) = (film.Filled[i] - (.10f * MathF.Sqrt(1 - q)), film.Lung[i] * .3f);
            });
            for (var step = 1; step <= 16; step++)
            {
                float nextX = x + (radius * MathF.Cos(step * MathF.PI / 8)), nextY = y + (radius * MathF.Sin(step * MathF.PI / 8));
                brush.Line(lastX, lastY, nextX, nextY, .06f, .06f, .05f, .05f);
                (lastX, lastY) = (nextX, nextY);
            }

            brush.Add(film.Density, Brush.Round, film.Lung);
        }
    }

    private void Fibrosis()
    {
        var net = new SmoothNoise(dice.NextUInt64(), 2);
        float mesh = dice.Range(1.1, 1.6), share = dice.Range(.34, .55), rise = dice.Range(.4, .65);
        InLung(0, (i, x, y, across) =>
        {
            var height = (y - body.Apex) / (body.Base - body.Apex);
            var zone = Math.Clamp((Anatomy.Smooth((height - rise) / .35f) * .9f) + (Anatomy.Smooth((across - .7f) / .25f) * .45f), 0, 1);
            // Where smooth noise passes through zero it draws a net of thin curved lines.
            var line = MathF.Exp(-MathF.Pow(net.At(x * mesh, y * mesh) / .13f, 2));
            film.Fill(i, zone * share * (.25f + line));
        });
    }

    private void PleuralThickening()
    {
        var side = dice.Side();
        if (dice.Chance(.45))
        {
            // A cap over the tip of the lung.
            float depth = dice.Range(1.2, 2.4), wave = dice.Range(.6, 1.2);
            InLung(side, (i, x, y, across) =>
            {
                var below = y - body.Apex - (.05f * (MathF.Abs(x) - 5) * (MathF.Abs(x) - 5)) - (.3f * MathF.Sin(x * wave));
                film.Fill(i, .8f * (1 - Anatomy.Smooth((below - depth + .25f) / .5f)));
            });
        }
        else
        {
            ThickenWall(side, body.Apex + dice.Range(7, 12), body.Base + 1, dice.Range(.7, 1.5));
        }
    }

    /// <summary>A band of solid tissue along the chest wall between two heights.</summary>
    private void ThickenWall(int side, float from, float to, float thickness)
    {
        var soft = Math.Max(.16f, pixel * .6f);
        InLung(side, (i, x, y, across) =>
        {
            var width = thickness * Anatomy.Smooth((y - from) / 3) * Anatomy.Smooth((to - y) / 2) * (1 + (.25f * clouds.At(20, y * .5f)));
            var depth = body.LateralEdge(y) - MathF.Abs(x);
            film.Fill(i, .85f * (1 - Anatomy.Smooth((depth - width + soft) / (2 * soft))));
        });
    }

    /// <summary>An opacity without borders, broken up by noise.</summary>
    private void Cloud(float x, float y, float radiusX, float radiusY, float share, float patchiness)
    {
        film.Around(x, y, 1.6f * Math.Max(radiusX, radiusY), (i, u, v) =>
        {
            float dx = (u - x) / radiusX, dy = (v - y) / radiusY;
            var fall = MathF.Exp(-1.2f * ((dx * dx) + (dy * dy)));
            if (film.Air[i] > 0) film.Fill(i, share * fall * Math.Clamp(1 + (patchiness * clouds.At(u * .75f, v * .75f)), 0, 1.6f));
        });
    }

    /// <summary>Every pixel with lung in it, of one side or (0) of both; across runs from 0 at the midline to 1 at the chest wall.</summary>
    private void InLung(int side, Action<int, float, float, float> pixelAt) => film.Everywhere((i, x, y) =>
    {
        if (film.Air[i] > 0 && (side == 0 || (x < 0) == (side < 0))) pixelAt(i, x, y, MathF.Abs(x) / body.LateralEdge(y));
    });
}
