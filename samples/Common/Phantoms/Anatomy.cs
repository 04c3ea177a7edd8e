namespace MedPeft.Samples.Phantoms;

/// <summary>The shape of one patient's chest, in centimetres of <see cref="Frame"/>; findings that move walls (volume loss, big hearts) act here.</summary>
internal sealed class Anatomy
{
    private readonly Curve lateral;
    private readonly Curve medial;
    private readonly Curve heartRight;
    private readonly Curve heartLeft;
    private readonly Curve[] diaphragm = new Curve[2];
    private readonly float width;
    private readonly float[] apexY = new float[2];

    public Anatomy(PhantomCase who)
    {
        var body = Dice.For(who.Patient, "body");
        var visit = Dice.For(who.Exposure, "visit");
        Affected = visit.Side();
        var emphysema = who.Findings.HasFlag(Findings.Emphysema);
        var cardiomegaly = who.Findings.HasFlag(Findings.Cardiomegaly);
        var atelectasis = who.Findings.HasFlag(Findings.Atelectasis);
        var fibrosis = who.Findings.HasFlag(Findings.Fibrosis);

        width = body.Gauss(who.Female ? 13.9 : 15.2, .7) * (emphysema ? 1.05f : 1);
        Wall = body.Gauss(3.0, .7);
        Apex = body.Gauss(5.4, .5);
        var inspiration = visit.Gauss(who.Ap ? -1.7 : 0, .8) - (fibrosis ? 1.2f : 0) + (emphysema ? 2.0f : 0);
        Base = Apex + body.Gauss(26.0, .9) + inspiration;
        VolumeLoss = atelectasis ? visit.Range(.9, 2.4) : 0;
        MediastinalShift = visit.Gauss(0, .25) + (atelectasis ? Affected * VolumeLoss * .3f : 0);
        Turn = visit.Gauss(0, .35);
        apexY[0] = Apex + body.Gauss(0, .25);
        apexY[1] = Apex + body.Gauss(-.1, .25);

        lateral = new Curve((0, .30f), (.03f, .43f), (.07f, .53f), (.13f, .645f), (.28f, .79f), (.43f, .865f), (.6f, .915f), (.78f, .962f), (1, 1), (1.3f, 1.01f));
        var inner = body.Gauss(2.0, .15);
        medial = new Curve((0, .30f * width), (.03f, 3.3f), (.1f, inner + .3f), (.3f, inner), (1, inner + .3f));

        var depth = emphysema ? visit.Range(1.6, 2.6) : body.Gauss(4.5, .5) - (who.Ap ? .6f : 0);
        for (var side = 0; side < 2; side++)
        {
            var loss = (side == 0 ? -1 : 1) == Affected ? VolumeLoss : 0;
            var dome = Base - depth - loss + (side == 1 ? body.Gauss(1.1, .35) : 0);
            Dome[side] = dome;
            var peak = width * (side == 0 ? .52f : .56f);
            diaphragm[side] = new Curve((1.5f, dome + 1.3f), (peak * .62f, dome + .28f), (peak, dome), (width * .76f, dome + ((Base - dome) * .22f)),
                (width * .9f, dome + ((Base - dome) * .60f)), (width, Base), (width * 1.1f, Base + 3));
        }

        var ratio = cardiomegaly ? visit.Range(.575, .70) : body.Gauss(emphysema ? .39 : .445, .025) + (who.Ap ? .03f : 0);
        CardiothoracicRatio = ratio;
        var total = ratio * 2 * width * .965f;
        float right = total * .31f, left = total * .69f;
        var knob = Apex + body.Gauss(6.3, .35);
        var unfolding = Math.Clamp((who.Age - 20) / 60f, 0, 1.1f);
        Knob = knob;
        Carina = knob + 2.6f;
        Hilum = knob + body.Gauss(5.1, .4);
        var floor = (Dome[0] + Dome[1]) / 2;
        var neck = body.Gauss(2.7, .15);
        var root = Hilum - .6f;
        var span = floor - root;
        heartRight = new Curve((0, neck), (Apex + 2, neck - .2f), (knob, 2.25f + (.5f * unfolding)), (root, 2.5f + (.25f * unfolding)),
            (root + (.22f * span), right * .74f), (root + (.57f * span), right), (root + (.88f * span), right * .97f), (floor + 1.5f, right * .8f), (floor + 6, right * .7f), (42, 2.5f));
        heartLeft = new Curve((0, neck), (Apex + 2, neck - .2f), (knob - 1.8f, 2.5f), (knob - .2f, 3.25f + (1.0f * unfolding)), (knob + 1.7f, 2.65f + (.4f * unfolding)),
            (root, 3.3f), (root + (.19f * span), 3.2f + (.12f * left)), (root + (.52f * span), left * .77f), (root + (.78f * span), left * .96f), (root + (.95f * span), left),
            (floor + 1.2f, left * .93f), (floor + 5, left * .6f), (42, 2.5f));
    }

    /// <summary>-1: the patient's right lung (left in the picture), 1: the left one. The side of one-sided findings.</summary>
    public int Affected { get; }

    /// <summary>Thickness of skin, fat and muscle beside the rib cage.</summary>
    public float Wall { get; }

    /// <summary>Height of the lung tips.</summary>
    public float Apex { get; }

    /// <summary>Height of the costophrenic angles.</summary>
    public float Base { get; }

    /// <summary>Height of the diaphragm's domes, right and left.</summary>
    public float[] Dome { get; } = new float[2];

    /// <summary>Height of the aortic knob.</summary>
    public float Knob { get; }

    /// <summary>Height at which the trachea divides.</summary>
    public float Carina { get; }

    /// <summary>Height of the roots of the lungs.</summary>
    public float Hilum { get; }

    /// <summary>How far the diaphragm on the affected side is drawn up by a collapse.</summary>
    public float VolumeLoss { get; }

    /// <summary>How far heart and trachea are drawn to the side.</summary>
    public float MediastinalShift { get; }

    /// <summary>Rotation about the long axis, as the shift of front structures against the spine.</summary>
    public float Turn { get; }

    /// <summary>Width of the heart by the inner width of the thorax.</summary>
    public float CardiothoracicRatio { get; }

    /// <summary>Inner half width of the thorax at its widest.</summary>
    public float HalfWidth => width;

    /// <summary>Inner half width of the rib cage at a height.</summary>
    public float LateralEdge(float y) => width * lateral[(y - Apex) / (Base - Apex)];

    /// <summary>The same for a lung that has sunk from the top of the cage.</summary>
    public float SunkenEdge(float y, float sunk) => width * lateral[(y - Apex - sunk) / (Base - Apex - sunk)];

    /// <summary>Distance of the lung's inner edge from the midline at a height.</summary>
    public float MedialEdge(float y) => medial[(y - Apex) / (Base - Apex)];

    /// <summary>Height of the diaphragm at a distance from the midline; side -1 or 1.</summary>
    public float Diaphragm(int side, float distance) => diaphragm[side < 0 ? 0 : 1][distance];

    /// <summary>Right (negative x) and left edge of heart and great vessels at a height.</summary>
    public (float Right, float Left) Mediastinum(float y) => (MediastinalShift + Turn - heartRight[y], MediastinalShift + Turn + heartLeft[y]);

    /// <summary>The share of air along the beam through the lung, 0 outside, about 1 in its middle; edge is half the width of a sharp border (half a pixel or more).</summary>
    public float Air(float x, float y, float edge)
    {
        var side = x < 0 ? -1 : 1;
        var distance = MathF.Abs(x);
        var tip = apexY[side < 0 ? 0 : 1];
        if (y < tip || y > Base + 4) return 0;
        float outer = LateralEdge(y), inner = MedialEdge(y);
        if (distance >= outer) return 0;
        var q = distance / outer;
        var air = MathF.Sqrt(1 - MathF.Pow(q, 2.6f)) * Smooth((distance - inner + .5f) / 1.3f);
        var depth = (y - tip) / (.2f * (Base - Apex));
        if (depth < 1) air *= MathF.Sqrt(depth);
        var below = y - Diaphragm(side, distance);
        // Behind the dome the lung reaches further down: a little air shows through the liver.
        return air * (1 - (Smooth((below + edge) / (2 * edge)) * (1 - (.13f * (1 - Smooth(below / 5))))));
    }

    /// <summary>A place in a lung: height 0 (tip) to 1 (base of the dome), across 0 (hilum side) to 1 (chest wall).</summary>
    public (float X, float Y) Place(int side, float height, float across)
    {
        var y = Apex + (height * (Dome[side < 0 ? 0 : 1] - Apex));
        var edge = Mediastinum(y);
        var inner = Math.Max(side < 0 ? -edge.Right : edge.Left, MedialEdge(y));
        return (side * (inner + (across * (LateralEdge(y) - inner))), y);
    }

    /// <summary>The root of a lung.</summary>
    public (float X, float Y) Root(int side) => ((side * 3.7f) + MediastinalShift + Turn, Hilum - (side > 0 ? .9f : 0));

    public static float Smooth(float t)
    {
        t = Math.Clamp(t, 0, 1);
        return t * t * (3 - (2 * t));
    }
}
