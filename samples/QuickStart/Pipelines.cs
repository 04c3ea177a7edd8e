using MedPeft.Lora.Imaging;

namespace MedPeft.Samples.QuickStart;

/// <summary>The way from a decoded phantom to the network's input.</summary>
internal static class Pipelines
{
    /// <summary>For training: a crop of most of the picture, and its mirror image. Small phantoms bear less cropping than radiographs.</summary>
    public static ImagePipeline Gentle(int size) => new([new RandomResizedCrop(size, minScale: .7), new HorizontalFlip()], Plan.Pixels, size, channels: 1);

    /// <summary>For scoring: the picture as it is.</summary>
    public static ImagePipeline Plain(int size) => new([new Resize(size), new CenterCrop(size)], Plan.Pixels, size, channels: 1);
}
