namespace MedPeft.Samples.Phantoms;

/// <summary>The findings that fill, empty or line the lungs. Those that move walls act in <see cref="Anatomy"/>.</summary>
internal sealed partial class Disease
{
    private readonly Film film;
    private readonly Anatomy body;
    private readonly Brush brush;
    private readonly Dice dice;
    private readonly SmoothNoise clouds;
    private readonly float pixel;

    private Disease(Film film, Anatomy body, PhantomCase who, Brush brush)
    {
        (this.film, this.body, this.brush) = (film, body, brush);
        dice = Dice.For(who.Exposure, "disease");
        clouds = new SmoothNoise(dice.NextUInt64(), 3);
        pixel = 1 / film.Frame.PixelsPerCm;
    }

    public static void Paint(Film film, Anatomy body, PhantomCase who, Brush brush)
    {
        var disease = new Disease(film, body, who, brush);
        disease.Parenchyma();
        foreach (var finding in Enum.GetValues<Findings>())
        {
            if (finding == Findings.None || !who.Findings.HasFlag(finding)) continue;
            var before = film.Opacity is not null && (finding & OpacityBoxes.Kinds) != 0 ? (float[])film.Filled.Clone() : null;
            disease.Add(finding);
            for (var i = 0; i < before?.Length; i++) film.Opacity![i] += film.Filled[i] - before[i];
        }
    }

    private void Add(Findings finding)
    {
        switch (finding)
        {
            case Findings.Atelectasis: Atelectasis(); break;
            case Findings.Effusion: Effusion(); break;
            case Findings.Infiltration: Infiltration(); break;
            case Findings.Mass: Ball(dice.Range(1.7, 3.6), dice.Range(.55, .85), spiculated: true); break;
            case Findings.Nodule: for (var k = dice.Chance(.3) ? 3 : 1; k > 0; k--) Ball(dice.Range(.6, 1.4), dice.Range(.38, .68), spiculated: false); break;
            case Findings.Pneumonia: Consolidation(dice.Range(.38, .62), .35f, wholeLobe: false); break;
            case Findings.Pneumothorax: Pneumothorax(); break;
            case Findings.Consolidation: Consolidation(dice.Range(.68, .95), .6f, wholeLobe: true); break;
            case Findings.Edema: Edema(); break;
            case Findings.Emphysema: Emphysema(); break;
            case Findings.Fibrosis: Fibrosis(); break;
            case Findings.PleuralThickening: PleuralThickening(); break;
            case Findings.Hernia: Hernia(); break;
        }
    }

    /// <summary>A healthy lung is not empty: tissue too fine to see as lines.</summary>
    private void Parenchyma() => film.Everywhere((i, x, y) =>
    {
        if (film.Air[i] > 0) film.Filled[i] = .10f + (.035f * clouds.At(x * 1.3f, y * 1.3f));
    });

    private void Atelectasis()
    {
        var side = body.Affected;
        // Plates: thin lines, nearly level, above a diaphragm that is drawn up.
        for (var k = 1 + dice.Below(3); k > 0; k--)
        {
            var (x, y) = body.Place(side, dice.Range(.66, .93), dice.Range(.25, .55));
            float half = dice.Range(1.6, 3.4), tilt = dice.Gauss(0, .16), width = dice.Range(.14, .30);
            brush.Line(x - half, y - (tilt * half), x, y - dice.Range(0, .2), width * .6f, width, .09f, .22f);
            brush.Line(x, y - .1f, x + half, y + (tilt * half), width, width * .5f, .22f, .07f);
            brush.Add(film.Density, Brush.Soft, film.Lung);
        }

        // The collapsed part of the lower lobe: a haze that thickens towards the diaphragm and the heart.
        var floor = body.Dome[side < 0 ? 0 : 1];
        float depth = dice.Range(2.5, 4.5), share = dice.Range(.22, .45);
        InLung(side, (i, x, y, across) =>
        {
            var near = Anatomy.Smooth(1 - ((floor - y + (across * depth)) / depth));
            film.Fill(i, share * near * (.8f + (.35f * clouds.At(x * .6f, y * .6f))));
        });
    }

    private void Effusion()
    {
        var both = dice.Chance(.35);
        var side = dice.Side();
        for (var n = both ? 2 : 1; n > 0; n--, side = -side)
        {
            // Height of the fluid at the chest wall above the costophrenic angle, and its meniscus towards the middle.
            var wall = body.Base - dice.Range(2.8, dice.Chance(.25) ? 14 : 7);
            float sag = dice.Range(2.2, 4.6), soft = Math.Max(.55f, pixel);
            InLung(side, (i, x, y, across) =>
            {
                var surface = wall + (sag * (1 - (across * across * across * across)));
                film.Fill(i, .97f * Anatomy.Smooth((y - surface + (soft * 1.2f)) / (2.4f * soft)));
            });
            ThickenWall(side, wall - 3.5f, body.Base, .28f);
        }
    }

    private void Infiltration()
    {
        var side = dice.Side();
        for (var k = 2 + dice.Below(3); k > 0; k--)
        {
            var (x, y) = body.Place(side, dice.Range(.35, .95), dice.Range(.1, .7));
            float radius = dice.Range(2.2, 3.8), share = dice.Range(.28, .5);
            Cloud(x, y, radius, radius * dice.Range(.7, 1.1), share, patchiness: 1.1f);
            if (dice.Chance(.35)) side = -side;
        }
    }

    private void Edema()
    {
        var share = dice.Range(.45, .7);
        foreach (var side in (ReadOnlySpan<int>)[-1, 1])
        {
            var (x, y) = body.Root(side);
            // Bat's wings: dense around the roots, the outer third of the lung spared.
            Cloud(x + (side * 2.2f), y + 1.5f, 5.2f, 7.5f, share * dice.Range(.85, 1.1), patchiness: .45f);
            // Kerley B: short level lines that touch the chest wall above the angle.
            for (var k = 0; k < 7; k++)
            {
                var height = body.Base - 2.2f - (k * dice.Range(.7, .95));
                var outer = side * (body.LateralEdge(height) - .2f);
                brush.Line(outer, height, outer - (side * dice.Range(1.1, 2)), height + dice.Gauss(0, .1), .07f, .05f, .11f, .06f);
            }

            brush.Add(film.Density, Brush.Round, film.Lung);
        }

        InLung(0, (i, x, y, across) => film.Fill(i, share * .22f));
    }

    private void Hernia()
    {
        float x = body.MediastinalShift + dice.Range(-.5, 2.6), radius = dice.Range(2.2, 4), y = body.Dome[1] - (radius * .55f);
        film.Around(x, y, radius * 1.05f, (i, u, v) =>
        {
            var r = MathF.Sqrt(((u - x) * (u - x)) + ((v - y) * (v - y))) / radius;
            if (r >= 1) return;
            // A stomach in the chest: a wall, gas above, a level of fluid below.
            film.Density[i] += .13f * MathF.Sqrt(1 - (r * r));
            film.Fill(i, .5f * MathF.Sqrt(1 - (r * r)));
            if (r < .84f && v < y + (.22f * radius)) film.Density[i] -= .34f * MathF.Sqrt(1 - (r * r / .7056f)) * Anatomy.Smooth((y + (.22f * radius) - v) / Math.Max(.15f, pixel));
        });
    }
}
