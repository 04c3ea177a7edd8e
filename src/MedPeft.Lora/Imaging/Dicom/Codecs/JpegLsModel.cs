namespace MedPeft.Lora.Imaging.Dicom.Codecs;

/// <summary>The statistics of a JPEG-LS scan, and what they make of one coded number: ISO 14495-1 annex A.</summary>
internal sealed class JpegLsModel
{
    private readonly JpegLsPreset _preset;
    private readonly Context[] _contexts = new Context[(9 * 9 * 9 / 2) + 1];
    private readonly RunContext[] _runContexts = new RunContext[2];
    private readonly sbyte[] _regions;
    private readonly int _near;
    private readonly int _step; // 2·NEAR + 1
    private readonly int _range;
    private readonly int _bits; // qbpp
    private readonly int _limit;

    public JpegLsModel(JpegLsPreset preset, int near)
    {
        (_preset, _near, _step) = (preset, near, (2 * near) + 1);
        _range = ((preset.MaxValue + (2 * near)) / _step) + 1;
        _bits = BitsFor(_range);
        var depth = Math.Max(2, BitsFor(preset.MaxValue + 1));
        _limit = 2 * (depth + Math.Max(8, depth));
        _regions = new sbyte[(2 * preset.MaxValue) + 1];
        for (var i = 0; i < _regions.Length; i++) _regions[i] = Region(i - preset.MaxValue);
        Reset();
    }

    /// <summary>J: how many samples a run bit stands for, as a power of two.</summary>
    public static ReadOnlySpan<byte> RunLengths => [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15];

    public int Near => _near;

    public void Reset()
    {
        var start = Math.Max(2, (_range + 32) / 64);
        Array.Fill(_contexts, new Context { A = start, N = 1 });
        Array.Fill(_runContexts, new RunContext { A = start, N = 1 });
    }

    /// <summary>The signed number of the gradients' context: §A.3.3 and §A.3.4. Zero means: all within NEAR, a run begins.</summary>
    public int ContextOf(int a, int b, int c, int d)
    {
        var top = _preset.MaxValue;
        return (81 * _regions[d - b + top]) + (9 * _regions[b - c + top]) + _regions[c - a + top];
    }

    /// <summary>Decodes a sample in regular mode: §A.4 to §A.6.</summary>
    public int Regular(ref JpegLsBitReader reader, int signedContext, int a, int b, int c)
    {
        var sign = signedContext >> 31; // 0 or -1
        ref var context = ref _contexts[(signedContext ^ sign) - sign];
        var max = Math.Max(a, b);
        var min = Math.Min(a, b);
        var prediction = c >= max ? min : c <= min ? max : a + b - c;
        prediction = Math.Clamp(prediction + ((context.C ^ sign) - sign), 0, _preset.MaxValue);

        var k = GolombParameter(context.N, context.A);
        var coded = Golomb(ref reader, k, _limit);
        var error = (coded >> 1) ^ -(coded & 1);
        if (k == 0 && _near == 0 && 2 * context.B <= -context.N) error = ~error;
        Update(ref context, error);
        return Reconstruct(prediction, (error ^ sign) - sign);
    }

    /// <summary>Decodes the sample that ends a run: §A.7.2.</summary>
    /// <param name="reader">The bits.</param>
    /// <param name="run">RUNindex of the run.</param>
    /// <param name="a">The value of the run.</param>
    /// <param name="b">The sample above.</param>
    /// <param name="mayMatch">Whether the context for a ≈ b exists; not where pixels are interleaved.</param>
    public int EndOfRun(ref JpegLsBitReader reader, int run, int a, int b, bool mayMatch)
    {
        var type = mayMatch && Math.Abs(a - b) <= _near ? 1 : 0;
        ref var context = ref _runContexts[type];
        var k = GolombParameter(context.N, type == 0 ? context.A : context.A + (context.N >> 1));
        var coded = Golomb(ref reader, k, _limit - RunLengths[run] - 1);
        var doubled = coded + type;
        var error = (doubled + 1) >> 1;
        if ((k != 0 || 2 * context.Negative >= context.N) == ((doubled & 1) != 0)) error = -error;

        if (error < 0) context.Negative++;
        context.A += (coded + 1 - type) >> 1;
        if (context.N == _preset.Reset)
        {
            context.A >>= 1;
            context.N >>= 1;
            context.Negative >>= 1;
        }

        context.N++;
        if (type == 1) return Reconstruct(a, error);
        return Reconstruct(b, a > b ? -error : error);
    }

    private static int BitsFor(int values)
    {
        var bits = 0;
        while (1 << bits < values) bits++;
        return bits;
    }

    private static int GolombParameter(int count, int sum)
    {
        var k = 0;
        while ((long)count << k < sum) k++;
        return k;
    }

    private sbyte Region(int difference)
    {
        var size = Math.Abs(difference);
        var region = size <= _near ? 0 : size < _preset.T1 ? 1 : size < _preset.T2 ? 2 : size < _preset.T3 ? 3 : 4;
        return (sbyte)(difference < 0 ? -region : region);
    }

    private int Golomb(ref JpegLsBitReader reader, int k, int limit)
    {
        var most = limit - _bits - 1;
        var zeros = reader.Zeros(most);
        var coded = zeros < most ? ((long)zeros << k) + reader.Bits(k) : reader.Bits(_bits) + 1L;

        // No valid error needs more; sums of larger ones would grow without bound.
        return coded <= 2L * _range ? (int)coded : throw reader.Error("codes an error larger than its range");
    }

    private void Update(ref Context context, int error)
    {
        context.A += Math.Abs(error);
        context.B += error * _step;
        if (context.N == _preset.Reset)
        {
            context.A >>= 1;
            context.B >>= 1;
            context.N >>= 1;
        }

        context.N++;
        if (context.B <= -context.N)
        {
            context.B = Math.Max(context.B + context.N, 1 - context.N);
            if (context.C > -128) context.C--;
        }
        else if (context.B > 0)
        {
            context.B = Math.Min(context.B - context.N, 0);
            if (context.C < 127) context.C++;
        }
    }

    private int Reconstruct(int prediction, int error)
    {
        var value = prediction + (error * _step);
        if (value < -_near) value += _range * _step;
        else if (value > _preset.MaxValue + _near) value -= _range * _step;
        return Math.Clamp(value, 0, _preset.MaxValue);
    }

    private struct Context
    {
        public int A;
        public int B;
        public int C;
        public int N;
    }

    private struct RunContext
    {
        public int A;
        public int N;
        public int Negative;
    }
}
