using System.Buffers.Binary;
using System.Text;

namespace MedPeft.Lora.Tests.Checkpoints;

/// <summary>Writes pickles operation by operation, right ones and wrong ones.</summary>
internal sealed class PickleWriter
{
    private readonly List<byte> bytes = [0x80, 2];

    public byte[] Done => [.. bytes, (byte)'.'];

    public byte[] Unfinished => [.. bytes];

    public PickleWriter Op(params byte[] codes)
    {
        bytes.AddRange(codes);
        return this;
    }

    public PickleWriter Op(string codes) => Op(Encoding.Latin1.GetBytes(codes));

    public PickleWriter Repeat(string codes, int count)
    {
        var part = Encoding.Latin1.GetBytes(codes);
        for (var i = 0; i < count; i++) bytes.AddRange(part);
        return this;
    }

    public PickleWriter Text(string text) => Op("X").Fixed(Encoding.UTF8.GetByteCount(text)).Op(Encoding.UTF8.GetBytes(text));

    public PickleWriter Global(string module, string name) => Op($"c{module}\n{name}\n");

    public PickleWriter Number(long value)
    {
        if (value is >= int.MinValue and <= int.MaxValue) return Op("J").Fixed((int)value);
        var number = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(number, value);
        return Op(0x8a, 8).Op(number);
    }

    public PickleWriter Numbers(params long[] values)
    {
        Op("(");
        foreach (var value in values) Number(value);
        return Op("t");
    }

    public PickleWriter Storage(string type, string key, long count) =>
        Op("(").Text("storage").Global("torch", type).Text(key).Text("cpu").Number(count).Op("tQ");

    /// <summary>A tensor by _rebuild_tensor_v2.</summary>
    public PickleWriter Tensor(string key, long count, long offset, long[] shape, long[] stride, string type = "FloatStorage") =>
        Global("torch._utils", "_rebuild_tensor_v2").Op("(").Storage(type, key, count).Number(offset).Numbers(shape).Numbers(stride)
            .Op(0x89).Global("collections", "OrderedDict").Op(")RtR");

    /// <summary>A dict with one tensor under each key.</summary>
    public static byte[] Dict(params (string Name, Action<PickleWriter> Value)[] entries)
    {
        var writer = new PickleWriter().Op("}(");
        foreach (var (name, value) in entries) value(writer.Text(name));
        return writer.Op("u").Done;
    }

    /// <summary>The zip form around a pickle.</summary>
    public static byte[] Zip(byte[] pickle, params (string Key, int Bytes)[] storages)
    {
        var zip = new ZipBuilder().Add("archive/data.pkl", pickle);
        foreach (var (key, size) in storages) zip.Add($"archive/data/{key}", Data(size), entry => entry with { Align = 64 });
        return zip.Add("archive/version", "3\n"u8.ToArray()).Build();
    }

    /// <summary>The legacy form around a pickle.</summary>
    public static byte[] Legacy(byte[] pickle, string[] keys, params (long Count, int Bytes)[] storages)
    {
        var list = new PickleWriter().Op("](");
        foreach (var key in keys) list.Text(key);
        byte[] head = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, (byte)'.', 0x80, 2, (byte)'M', 0xe9, 3, (byte)'.', 0x80, 2, .. "}."u8];
        return [.. head, .. pickle, .. list.Op("e").Done, .. storages.SelectMany(storage => BitConverter.GetBytes(storage.Count).Concat(Data(storage.Bytes)))];
    }

    public static byte[] Data(int size) => [.. Enumerable.Range(0, size).Select(i => (byte)(i * 7 + 1))];

    private PickleWriter Fixed(int value)
    {
        var number = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(number, value);
        return Op(number);
    }
}
