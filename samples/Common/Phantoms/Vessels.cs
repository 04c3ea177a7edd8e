namespace MedPeft.Samples.Phantoms;

/// <summary>The lungs' vessels: a tree from each root, thinner with every fork, heavier towards the bases.</summary>
internal static class Vessels
{
    public static void Paint(Film film, Anatomy body, PhantomCase who, Brush brush)
    {
        var dice = Dice.For(who.Patient, "vessels");
        var edema = who.Findings.HasFlag(Findings.Edema);
        var caliber = dice.Gauss(1, .08) * (who.Findings.HasFlag(Findings.Emphysema) ? .72f : edema ? 1.35f : 1);
        foreach (var side in (ReadOnlySpan<int>)[-1, 1])
        {
            var (x, y) = body.Root(side);
            for (var trunk = 0; trunk < 9; trunk++)
            {
                // Angle 0 points to the chest wall, 90 degrees down.
                var angle = (-72 + (trunk * 20.5f) + dice.Gauss(0, 6)) * MathF.PI / 180;
                var weight = (angle > 0 ? 1 : edema ? 1.05f : .78f) * caliber;
                Grow(brush, body, dice, side, x + (side * dice.Gauss(0, .3)), y + (trunk * .28f) - 1, angle, .33f * weight, dice.Gauss(1.9, .25), 0);
            }

            brush.Add(film.Density, Brush.Round, film.Lung);

            // The root itself: arteries and veins end on, a cluster rather than a ball.
            for (var k = 0; k < 6; k++)
            {
                float u = x + (side * dice.Gauss(-.2, .55)), v = y + dice.Gauss(.5, 1.3), radius = dice.Range(.45, .8) * caliber;
                brush.Line(u, v, u + (side * .3f), v + dice.Gauss(.9, .3), radius, radius * .8f, .085f, .06f);
            }

            brush.Add(film.Density, Brush.Round);
        }
    }

    private static void Grow(Brush brush, Anatomy body, Dice dice, int side, float x, float y, float angle, float radius, float length, int depth)
    {
        const int steps = 3;
        var bend = dice.Gauss(0, .10);
        for (var k = 0; k < steps; k++)
        {
            angle += bend + dice.Gauss(0, .07);
            var nextX = x + (side * MathF.Cos(angle) * length / steps);
            var nextY = y + (MathF.Sin(angle) * length / steps);
            if (body.Air(nextX, nextY, .13f) < .02f) return;
            var next = radius * .96f;
            brush.Line(x, y, nextX, nextY, radius, next, Weight(radius), Weight(next));
            (x, y, radius) = (nextX, nextY, next);
        }

        if (depth >= 8 || radius < .03f) return;
        // The stem goes on, a branch leaves it to one side.
        var turn = dice.Side();
        Grow(brush, body, dice, side, x, y, angle - (turn * dice.Range(.05, .22)), radius * dice.Range(.80, .90), length * dice.Range(.85, 1.05), depth + 1);
        Grow(brush, body, dice, side, x, y, angle + (turn * dice.Range(.45, .85)), radius * dice.Range(.52, .70), length * dice.Range(.65, .9), depth + 2);
    }

    private static float Weight(float radius) => .022f + (.22f * radius);
}
