namespace MedPeft.Lora.Tests.Imaging.Dicom.Writers;

/// <summary>ISO 14495-1 from the encoder's side: names and steps are those of annex A's code segments, pixels are addressed by row and column.</summary>
internal sealed class JpegLsEncoder
{
    private static readonly int[] J = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    private readonly int[] _a = new int[367], _b = new int[367], _c = new int[365], _n = new int[367], _nn = new int[367];
    private readonly int _width, _near, _maxVal, _range, _qbpp, _limit, _t1, _t2, _t3, _reset;
    private readonly int[][] _image; // reconstructed, by component
    private readonly int _first; // the row at which the interval starts: rows before it count as zero
    private readonly int[] _runIndex = new int[4];
    private readonly BitWriter _bits = new(stuffBit: true);

    private JpegLsEncoder(int[][] image, int width, int precision, int near, int first, int[]? preset)
    {
        (_image, _width, _near, _first) = (image, width, near, first);
        _maxVal = preset is null ? (1 << precision) - 1 : preset[0];
        _range = ((_maxVal + (2 * near)) / ((2 * near) + 1)) + 1;
        _qbpp = (int)Math.Ceiling(Math.Log2(_range));
        var bpp = Math.Max(2, (int)Math.Ceiling(Math.Log2(_maxVal + 1)));
        _limit = 2 * (bpp + Math.Max(8, bpp));
        (_t1, _t2, _t3, _reset) = preset is null ? Defaults(_maxVal, near) : (preset[1], preset[2], preset[3], preset[4]);
        Array.Fill(_a, Math.Max(2, (_range + 32) / 64));
        Array.Fill(_n, 1);
    }

    /// <summary>Encodes pixels, [height, width, samples]. Interleave 0: by component, 1: by line, 2: by pixel. Preset: MAXVAL, T1, T2, T3, RESET.</summary>
    public static byte[] Encode(ushort[] pixels, int width, int height, int samples, int precision, int near = 0, int interleave = 0, int restartRows = 0, int[]? preset = null)
    {
        var image = Enumerable.Range(0, samples).Select(s => Enumerable.Range(0, width * height).Select(i => (int)pixels[(i * samples) + s]).ToArray()).ToArray();
        var writer = new JpegWriter().Frame(0xF7, precision, width, height, samples);
        if (preset is not null) writer.Segment(0xF8, [1, .. preset.SelectMany(value => new[] { (byte)(value >> 8), (byte)value })]);
        writer.Restart(restartRows);
        var all = Enumerable.Range(0, samples).ToArray();
        foreach (var scan in interleave == 0 ? all.Select(i => new[] { i }) : [all])
        {
            var intervals = new List<byte[]>();
            var rows = restartRows == 0 ? height : restartRows;
            for (var first = 0; first < height; first += rows)
            {
                var encoder = new JpegLsEncoder(image, width, precision, near, first, preset);
                for (var y = first; y < Math.Min(height, first + rows); y++)
                {
                    if (interleave == 2) encoder.Line(y, scan);
                    else foreach (var component in scan) encoder.Line(y, [component]);
                }

                intervals.Add(encoder._bits.ToArray());
            }

            writer.Scan(scan, near, interleave, 0, [.. intervals]);
        }

        return writer.End();
    }

    private static (int T1, int T2, int T3, int Reset) Defaults(int max, int near)
    {
        static int Clamp(int value, int low, int max) => value > max || value < low ? low : value;
        int t1, t2, t3;
        if (max >= 128)
        {
            var factor = (Math.Min(max, 4095) + 128) / 256;
            t1 = Clamp((factor * (3 - 2)) + 2 + (3 * near), near + 1, max);
            t2 = Clamp((factor * (7 - 3)) + 3 + (5 * near), t1, max);
            t3 = Clamp((factor * (21 - 4)) + 4 + (7 * near), t2, max);
        }
        else
        {
            var factor = 256 / (max + 1);
            t1 = Clamp(Math.Max(2, (3 / factor) + (3 * near)), near + 1, max);
            t2 = Clamp(Math.Max(3, (7 / factor) + (5 * near)), t1, max);
            t3 = Clamp(Math.Max(4, (21 / factor) + (7 * near)), t2, max);
        }

        return (t1, t2, t3, 64);
    }

    private int At(int component, int x, int y)
    {
        if (y < _first) return 0;
        if (x < 0) return At(component, 0, y - 1);
        return _image[component][(y * _width) + Math.Min(x, _width - 1)];
    }

    private int Above(int component, int x, int y) => x < 0 ? At(component, -1, y - 1) : At(component, x, y - 1);

    private void Line(int y, int[] components)
    {
        for (var x = 0; x < _width;)
        {
            var flat = components.All(i => Gradients(i, x, y).All(d => Math.Abs(d) <= _near));
            if (!flat)
            {
                foreach (var i in components) Regular(i, x, y);
                x++;
            }
            else
            {
                x = Run(components, x, y);
            }
        }
    }

    private int[] Gradients(int i, int x, int y)
    {
        var (a, b, c, d) = (At(i, x - 1, y), Above(i, x, y), Above(i, x - 1, y), Above(i, x + 1, y));
        return [d - b, b - c, c - a];
    }

    private int Quantize(int d) =>
        d <= -_t3 ? -4 : d <= -_t2 ? -3 : d <= -_t1 ? -2 : d < -_near ? -1 : d <= _near ? 0 : d < _t1 ? 1 : d < _t2 ? 2 : d < _t3 ? 3 : 4;

    private void Regular(int i, int x, int y)
    {
        var (ra, rb, rc) = (At(i, x - 1, y), Above(i, x, y), Above(i, x - 1, y));
        var q = Gradients(i, x, y).Select(Quantize).ToArray();
        var sign = q.First(value => value != 0 || q.All(v => v == 0)) < 0 ? -1 : 1;
        var number = ((q[0] * 81) + (q[1] * 9) + q[2]) * sign;

        var px = rc >= Math.Max(ra, rb) ? Math.Min(ra, rb) : rc <= Math.Min(ra, rb) ? Math.Max(ra, rb) : ra + rb - rc;
        px = Math.Clamp(px + (sign * _c[number]), 0, _maxVal);
        var error = Quantized((At(i, x, y) - px) * sign);
        Write(i, x, y, px + (sign * error * ((2 * _near) + 1)));
        error = Modulo(error);

        var k = 0;
        while (_n[number] << k < _a[number]) k++;
        int mapped;
        if (_near == 0 && k == 0 && 2 * _b[number] <= -_n[number]) mapped = error >= 0 ? (2 * error) + 1 : -2 * (error + 1);
        else mapped = error >= 0 ? 2 * error : (-2 * error) - 1;
        Golomb(mapped, k, _limit);

        _b[number] += error * ((2 * _near) + 1);
        _a[number] += Math.Abs(error);
        if (_n[number] == _reset)
        {
            _a[number] >>= 1;
            _b[number] = _b[number] >= 0 ? _b[number] >> 1 : -((1 - _b[number]) >> 1);
            _n[number] >>= 1;
        }

        _n[number]++;
        if (_b[number] <= -_n[number])
        {
            _b[number] += _n[number];
            if (_c[number] > -128) _c[number]--;
            if (_b[number] <= -_n[number]) _b[number] = 1 - _n[number];
        }
        else if (_b[number] > 0)
        {
            _b[number] -= _n[number];
            if (_c[number] < 127) _c[number]++;
            if (_b[number] > 0) _b[number] = 0;
        }
    }

    private int Run(int[] components, int x, int y)
    {
        var values = components.Select(i => At(i, x - 1, y)).ToArray();
        var count = 0;
        while (x < _width && components.Select((i, at) => Math.Abs(At(i, x, y) - values[at]) <= _near).All(near => near))
        {
            for (var at = 0; at < components.Length; at++) Write(components[at], x, y, values[at]);
            count++;
            x++;
        }

        ref var index = ref _runIndex[components[0]];
        while (count >= 1 << J[index])
        {
            _bits.PutBit(1);
            count -= 1 << J[index];
            if (index < 31) index++;
        }

        if (x == _width)
        {
            if (count > 0) _bits.PutBit(1);
            return x;
        }

        _bits.PutBit(0);
        _bits.Put(count, J[index]);
        foreach (var i in components) Interruption(i, x, y, index, components.Length > 1);
        if (index > 0) index--;
        return x + 1;
    }

    private void Interruption(int i, int x, int y, int index, bool several)
    {
        var (ra, rb) = (At(i, x - 1, y), Above(i, x, y));
        var type = !several && Math.Abs(ra - rb) <= _near ? 1 : 0;
        var px = type == 1 ? ra : rb;
        var error = At(i, x, y) - px;
        var sign = type == 0 && ra > rb ? -1 : 1;
        error = Quantized(error * sign);
        Write(i, x, y, px + (sign * error * ((2 * _near) + 1)));
        error = Modulo(error);

        var q = 365 + type;
        var temp = type == 0 ? _a[365] : _a[366] + (_n[366] >> 1);
        var k = 0;
        while (_n[q] << k < temp) k++;
        var map = (k == 0 && error > 0 && 2 * _nn[q] < _n[q]) || (error < 0 && 2 * _nn[q] >= _n[q]) || (error < 0 && k != 0) ? 1 : 0;
        var mapped = (2 * Math.Abs(error)) - type - map;
        Golomb(mapped, k, _limit - J[index] - 1);

        if (error < 0) _nn[q]++;
        _a[q] += (mapped + 1 - type) >> 1;
        if (_n[q] == _reset)
        {
            _a[q] >>= 1;
            _n[q] >>= 1;
            _nn[q] >>= 1;
        }

        _n[q]++;
    }

    private int Quantized(int error) =>
        _near == 0 ? error : error > 0 ? (error + _near) / ((2 * _near) + 1) : -((_near - error) / ((2 * _near) + 1));

    private int Modulo(int error)
    {
        if (error < 0) error += _range;
        return error >= (_range + 1) / 2 ? error - _range : error;
    }

    private void Write(int i, int x, int y, int value) => _image[i][(y * _width) + x] = Math.Clamp(value, 0, _maxVal);

    private void Golomb(int value, int k, int limit)
    {
        if (value >> k < limit - _qbpp - 1)
        {
            _bits.Put(0, value >> k);
            _bits.PutBit(1);
            _bits.Put(value & ((1 << k) - 1), k);
        }
        else
        {
            _bits.Put(0, limit - _qbpp - 1);
            _bits.PutBit(1);
            _bits.Put(value - 1, _qbpp);
        }
    }
}
