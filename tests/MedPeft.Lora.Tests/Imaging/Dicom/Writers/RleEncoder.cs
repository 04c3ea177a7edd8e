namespace MedPeft.Lora.Tests.Imaging.Dicom.Writers;

/// <summary>PS3.5 annex G from the encoder's side.</summary>
internal static class RleEncoder
{
    public static byte[] Encode(ushort[] pixels, int width, int samples, int bytes)
    {
        var segments = new List<byte[]>();
        for (var sample = 0; sample < samples; sample++)
        {
            for (var part = bytes - 1; part >= 0; part--)
            {
                var plane = new byte[pixels.Length / samples];
                for (var i = 0; i < plane.Length; i++) plane[i] = (byte)(pixels[(i * samples) + sample] >> (8 * part));
                segments.Add([.. plane.Chunk(width).SelectMany(Pack)]);
            }
        }

        return Join(segments);
    }

    public static byte[] Join(IReadOnlyList<byte[]> segments)
    {
        var header = new uint[16];
        header[0] = (uint)segments.Count;
        var offset = 64u;
        for (var i = 0; i < segments.Count; i++)
        {
            header[i + 1] = offset;
            offset += (uint)(segments[i].Length + (segments[i].Length % 2));
        }

        return [.. header.SelectMany(BitConverter.GetBytes), .. segments.SelectMany(segment => segment.Length % 2 == 0 ? segment : [.. segment, 0])];
    }

    private static IEnumerable<byte> Pack(byte[] row)
    {
        for (var x = 0; x < row.Length;)
        {
            var run = 1;
            while (run < 128 && x + run < row.Length && row[x + run] == row[x]) run++;
            if (run > 2)
            {
                yield return (byte)(257 - run);
                yield return row[x];
                x += run;
                continue;
            }

            var end = x + 1;
            while (end < row.Length && end - x < 128 && !(end + 2 < row.Length && row[end] == row[end + 1] && row[end] == row[end + 2])) end++;
            yield return (byte)(end - x - 1);
            for (; x < end; x++) yield return row[x];
        }
    }
}
