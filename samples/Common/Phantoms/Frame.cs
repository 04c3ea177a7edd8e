namespace MedPeft.Samples.Phantoms;

/// <summary>
/// The detector: square, 42 cm wide. Positions on the patient are in centimetres, x from the midline towards the right of the picture
/// (the patient's left), y downwards from the upper edge; a small rotation, scale and shift is the pose.
/// </summary>
internal sealed class Frame
{
    private const float Width = 42;
    private readonly float cos;
    private readonly float sin;
    private readonly float scale;
    private readonly float shiftX;
    private readonly float shiftY;

    public Frame(int size, Dice dice)
    {
        Size = size;
        var angle = dice.Gauss(0, .022);
        cos = MathF.Cos(angle);
        sin = MathF.Sin(angle);
        scale = size / Width * dice.Gauss(1, .03);
        shiftX = dice.Gauss(0, .6) / Width * size;
        shiftY = dice.Gauss(0, .6) / Width * size;
    }

    public int Size { get; }

    public float PixelsPerCm => scale;

    public (float X, float Y) ToPixel(float x, float y)
    {
        y -= Width / 2;
        return ((Size / 2f) + shiftX + (scale * ((cos * x) - (sin * y))), (Size / 2f) + shiftY + (scale * ((sin * x) + (cos * y))));
    }

    public (float X, float Y) ToCm(int column, int row)
    {
        var u = (column + .5f - (Size / 2f) - shiftX) / scale;
        var v = (row + .5f - (Size / 2f) - shiftY) / scale;
        return ((cos * u) + (sin * v), (cos * v) - (sin * u) + (Width / 2));
    }
}
