using MedPeft.Lora.Imaging;
using MedPeft.Lora.Imaging.Dicom;

namespace MedPeft.Lora.Tests.Imaging.Dicom;

public class CellsTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(31)]
    [InlineData(64)]
    [InlineData(1003)]
    public void Loops_over_vectors_equal_loops_over_cells(int length)
    {
        var random = new SampleRandom((ulong)length);
        foreach (var bits in new[] { 1, 8, 12, 16 })
        {
            var cells = new ushort[length];
            for (var i = 0; i < length; i++) cells[i] = (ushort)random.NextInt(0, (1 << bits) - 1);
            Assert.Equal(cells.Max(), Cells.Largest(cells));
            var counts = Cells.Count(cells, bits);
            Assert.Equal(1 << bits, counts.Length);
            Assert.Equal(cells.GroupBy(c => c).OrderBy(g => g.Key).Select(g => ((int)g.Key, g.Count())), counts.Index().Where(c => c.Item > 0));

            var table = Enumerable.Range(0, 1 << bits).Select(i => (byte)(i * 7 + 3)).ToArray();
            var mapped = new byte[length];
            Cells.Map(cells, table, mapped);
            Assert.Equal(cells.Select(c => table[c]), mapped);

            var masked = (ushort[])cells.Clone();
            Cells.Mask(masked, 3, 0x155);
            Assert.Equal(cells.Select(c => (ushort)((c >> 3) & 0x155)), masked);
        }

        var bytes = TestImages.Noise(length, 1, 1).Pixels;
        var wide = new ushort[length];
        Cells.Widen(bytes, wide);
        Assert.Equal(bytes.Select(b => (ushort)b), wide);
        var narrow = new byte[length];
        Cells.Map(wide, [.. Enumerable.Range(0, 256).Select(i => (byte)i)], narrow);
        Assert.Equal(bytes, narrow);
    }
}
