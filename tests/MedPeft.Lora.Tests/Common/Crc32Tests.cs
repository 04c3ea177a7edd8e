using MedPeft.Lora.Common;

namespace MedPeft.Lora.Tests.Common;

public class Crc32Tests
{
    [Fact]
    public void The_check_value_of_the_standard_is_right() => Assert.Equal(0xCBF43926u, Of("123456789"u8.ToArray(), 9));

    [Fact]
    public void Every_length_and_every_cut_gives_the_sum_of_the_plain_form()
    {
        var bytes = new byte[2000];
        for (var i = 0; i < bytes.Length; i++) bytes[i] = (byte)(i * 167 ^ i >> 3);
        for (var length = 0; length < 400; length++)
        {
            var expected = ~Crc32.AppendTable(uint.MaxValue, bytes.AsSpan(3, length));
            Assert.Equal(expected, Of(bytes[3..(3 + length)], length));
            Assert.Equal(expected, Of(bytes[3..(3 + length)], length / 3));
        }

        Assert.Equal(Of(bytes, 2000), Of(bytes, 777));
    }

    private static uint Of(byte[] bytes, int cut)
    {
        var crc = new Crc32();
        crc.Append(bytes.AsSpan(0, cut));
        crc.Append(bytes.AsSpan(cut));
        return crc.Value;
    }
}
