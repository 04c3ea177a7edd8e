namespace MedPeft.Lora.Imaging.Dicom.Codecs;

/// <summary>The coding parameters of JPEG-LS: ISO 14495-1 §C.2.4.1. Zero stands for the default.</summary>
internal readonly record struct JpegLsPreset(int MaxValue, int T1, int T2, int T3, int Reset)
{
    /// <summary>Puts in the defaults and checks what the stream has set.</summary>
    public JpegLsPreset Resolve(int precision, int near)
    {
        var top = (1 << precision) - 1;
        var max = MaxValue == 0 ? top : MaxValue;
        if (max > top || near > Math.Min(255, max / 2)) throw JpegStream.Error($"claims the largest value {max} and the error {near} in {precision} bits");

        // §C.2.4.1.1.1: the defaults grow with the range.
        int t1, t2, t3;
        if (max >= 128)
        {
            var factor = (Math.Min(max, 4095) + 128) / 256;
            (t1, t2, t3) = (factor + 2 + (3 * near), (4 * factor) + 3 + (5 * near), (17 * factor) + 4 + (7 * near));
        }
        else
        {
            var factor = 256 / (max + 1);
            (t1, t2, t3) = (Math.Max(2, (3 / factor) + (3 * near)), Math.Max(3, (7 / factor) + (5 * near)), Math.Max(4, (21 / factor) + (7 * near)));
        }

        static int Clamp(int value, int least, int max) => value > max || value < least ? least : value;
        t1 = T1 == 0 ? Clamp(t1, near + 1, max) : T1;
        t2 = T2 == 0 ? Clamp(t2, t1, max) : T2;
        t3 = T3 == 0 ? Clamp(t3, t2, max) : T3;
        var reset = Reset == 0 ? 64 : Reset;
        if (t1 < near + 1 || t2 < t1 || t3 < t2 || t3 > max || reset < 3 || reset > Math.Max(255, max))
            throw JpegStream.Error($"has the thresholds {t1}, {t2}, {t3} and the reset {reset}, which do not fit {precision} bits");
        return new JpegLsPreset(max, t1, t2, t3, reset);
    }
}
